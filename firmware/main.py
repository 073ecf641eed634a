# Runs after boot.py: a moment in which a person can stop the board, then the measuring loop.
# Small on purpose: this file alone is compiled on the board, the others arrive as .mpy.
import conf
import loop

settings = conf.load()
if not loop.escape_wanted(settings["escape_ms"]):
    loop.run(settings)
