"""A site's flat price of a kWh."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0004_alerts")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="price_per_kwh",
            field=models.DecimalField(
                "price of a kWh",
                max_digits=10,
                decimal_places=5,
                null=True,
                blank=True,
                validators=[django.core.validators.MinValueValidator(0)],
                help_text="In the currency above, e.g. 0.32. Empty shows no costs.",
            ),
        ),
    ]
