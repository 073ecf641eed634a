"""The Django app that holds what Wattkeep stores: models, migrations, admin."""
