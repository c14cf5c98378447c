"""The commands of whoever keeps the tariffs, as processes of their own."""

from __future__ import annotations

from pathlib import Path

from tests.running import command

TARIFFS = """\
prices:
  - {channel: sms, rial: 1330, from: 1400-01-01}
  - {channel: sms, numbers: [0930, 0933], rial: 1463, from: 1400-01-01}
ceilings:
  - {channel: sms, rial: 2000, from: 1400-01-01}
"""


def test_tariffs_are_imported_listed_and_tried(tmp_path: Path) -> None:
    (tmp_path / "tariffs.yaml").write_text(TARIFFS, "utf-8")
    done = command("tariffs", "import", f"{tmp_path}/tariffs.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "4 added, 0 ended, 0 replaced, 0 there already\n")
    done = command("tariffs", "import", f"{tmp_path}/tariffs.yaml", folder=tmp_path)
    assert done.stdout == "0 added, 0 ended, 0 replaced, 4 there already\n"

    (tmp_path / "later.yaml").write_text("prices:\n- {channel: sms, rial: 1500, from: 1499-01-01}\n", "utf-8")
    assert command("tariffs", "import", f"{tmp_path}/later.yaml", folder=tmp_path).stdout.startswith(
        "1 added, 1 ended"
    )

    done = command("tariffs", "list", folder=tmp_path)
    assert done.stdout.splitlines()[:4] == [
        "price   sms  1,330 rial (133 toman)",
        "    from 1400-01-01 until 1499-01-01 (in force)",
        "price   sms  1,500 rial (150 toman)",
        "    from 1499-01-01 (to come)",
    ]
    assert "price   sms numbers=+98930  1,463 rial (146.3 toman)" in done.stdout
    assert "ceiling sms  2,000 rial (200 toman)" in done.stdout

    tried = ("tariffs", "estimate", "--text", "سلام " * 20, "--to", "09121234567", "۰۹۳۰۱۲۳۴۵۶۷")
    done = command(*tried, folder=tmp_path)
    assert done.stdout == "Parts of each message: 2; for 2: 5,586 rial (558.6 toman)\n"
    done = command(*tried, "--on", "1399-12-29", folder=tmp_path)
    assert done.stdout.splitlines()[1] == "Without a tariff, and not in it: 2"


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("prices:\n  - {channel: sms, rial: 1}\n", "utf-8")
    done = command("tariffs", "import", f"{tmp_path}/t.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"server.py: {tmp_path}/t.yaml:2: from is missing"
    done = command("tariffs", "import", "nowhere.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "server.py: No such file or directory: nowhere.yaml"
    tried = ("tariffs", "estimate", "--text", "x", "--to", "09121234567", "--on", "soon")
    done = command(*tried, folder=tmp_path)
    assert done.returncode == 2
    assert "--on: 'soon' is not a day such as 1405-01-01" in done.stderr
