from ugatit.cli import app

app(prog_name="python -m ugatit")
