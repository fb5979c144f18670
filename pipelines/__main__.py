"""The entry of `mfp`, also as `python -m pipelines`: signals are taken before anything that takes time is imported."""

from __future__ import annotations

from actors.stop_request import run_command


def main() -> None:
    """Entry point of the console command."""
    run_command(_mfp)


def _mfp() -> None:
    from pipelines.cli import app

    app()


if __name__ == "__main__":
    main()
