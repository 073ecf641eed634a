# Runs before main.py: what must be true before anything of ours is loaded.
import gc
import network

# A fresh board opens an access point whose password everybody knows.
network.WLAN(network.AP_IF).active(False)
gc.collect()
