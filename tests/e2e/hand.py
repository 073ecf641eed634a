"""Makes users and devices in a running server's data folder: a line of JSON in, one out.

One process for all of a server's tests: a command for each device took a third of their time.
"""

import json
import sys

import django


def main():
    django.setup()
    from django.contrib.auth.models import User
    from django.db import close_old_connections

    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import create_device

    for line in sys.stdin:
        asked = json.loads(line)
        close_old_connections()
        if "password" in asked:
            create_account(asked["user"], asked["password"])
            answer = {}
        else:
            device, key = create_device(User.objects.get(username=asked["user"]), asked["device"])
            answer = {"id": device.pk, "key": key}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
