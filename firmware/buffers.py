# The large buffers, made before anything else: later on no gap in the heap would be wide enough.
import gc

gc.collect()
FRAME = bytearray(1024)  # the display's 128 x 64 dots
BODY = bytearray(1100)  # what is posted
ANSWER = bytearray(1024)  # what comes back
