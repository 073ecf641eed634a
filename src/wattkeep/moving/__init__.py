"""Moving an installation from one database to another while readings arrive."""
