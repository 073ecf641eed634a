"""The rules of electricity metering as plain Python: values in, values out."""
