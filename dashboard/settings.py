"""Settings, once: environment variables, the command line's help and the README's table all come from here."""

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from data.errors import InvalidInput

__all__ = ["Settings", "load_settings"]

_GPUS = Path("/proc/driver/nvidia/gpus")


class Settings(BaseSettings):
    """What may be set. Every field is read from `VITRINE_<NAME>`; an option of the command line wins."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_", extra="ignore", frozen=True)

    workspace: Path = Field(default=Path("workspace"), description="Folder that holds everything")
    database_url: str = Field(default="", description="SQLAlchemy address; empty: SQLite in the workspace")
    engine: str = Field(default="", description="Address of a Dask scheduler, tcp://host:8786; empty: workers here")
    workers: int = Field(
        default=0, ge=0, le=256, description="Worker processes here; 0: one for each GPU, else for each core, at most 8"
    )
    host: str = Field(default="127.0.0.1", description="Address to serve on; loopback only, until accounts exist")
    port: int = Field(default=8050, ge=1, le=65535, description="Port to serve on")
    threads: int = Field(default=8, ge=1, le=256, description="Threads that answer requests")
    cache_megabytes: int = Field(default=2048, ge=16, description="Bound of the workspace's cache folder")
    upload_megabytes: int = Field(default=16, ge=1, le=512, description="Largest upload accepted")
    sources: str = Field(
        default="", description="Folders from which people may add datasets in the browser, with : between; empty: none"
    )
    person: str = Field(default="guest", min_length=1, max_length=64, description="Name the command line acts under")

    @property
    def database_address(self) -> str:
        """The database's address, whether it was set or not."""
        return self.database_url or f"sqlite:///{self.workspace.expanduser().resolve() / 'vitrine.db'}"

    @property
    def url(self) -> str:
        """Address of the pages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def source_folders(self) -> tuple[Path, ...]:
        """The folders that `sources` names."""
        return tuple(Path(part) for part in self.sources.split(os.pathsep) if part.strip())

    @property
    def worker_count(self) -> int:
        """How many worker processes to start."""
        return self.workers or min(_gpus() or os.cpu_count() or 1, 8)


def _gpus() -> int:
    """How many NVIDIA GPUs the system has, without a library that would tell more and take long."""
    return len(list(_GPUS.glob("*")))


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with the given values on top; None leaves a field as it is.

    Raises:
        InvalidInput: A value is not allowed; the text names the setting.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "VITRINE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput(f"{name}={first['input']!r} is not allowed: {first['msg'].lower()}") from error
