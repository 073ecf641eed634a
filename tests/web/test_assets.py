"""The built files, and how long a browser may keep them."""

import pytest

from wattkeep.web.templatetags.wattkeep import asset, asset_names


@pytest.mark.parametrize(
    "name", ["app.css", "base.js", "dashboard.js", "devices.js", "favicon.svg"]
)
def test_built_file_is_served_compressed_and_for_good(name, nobody, db):
    response = nobody.get(asset(name), headers={"Accept-Encoding": "gzip"})
    response.close()

    assert response.status_code == 200
    assert response["Content-Encoding"] == "gzip"
    assert "immutable" in response["Cache-Control"]


def test_name_changes_with_the_content():
    assert asset("app.css") == f"/static/dist/{asset_names()['app.css']}"
    assert asset_names()["app.css"] != "app.css"


def test_icon_is_found_where_browsers_look(nobody, db):
    assert nobody.get("/favicon.ico").url == asset("favicon.svg")
