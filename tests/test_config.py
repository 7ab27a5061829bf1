from pathlib import Path

import pytest

from numbad.config import Config, ConfigError, config, validated_engine


def test_defaults():
    settings = Config({"XDG_CACHE_HOME": "/somewhere"})
    assert settings.engine == "auto"
    assert settings.debug is False
    assert settings.cache_dir.name == "numbad"


def test_environment(tmp_path):
    settings = Config(
        {"NUMBAD_ENGINE": "traced", "NUMBAD_CACHE_DIR": str(tmp_path / "new"), "NUMBAD_DEBUG": "on"}
    )
    assert settings.engine == "traced"
    assert settings.cache_dir == tmp_path / "new"
    assert settings.debug is True
    assert not settings.cache_dir.exists()


@pytest.mark.parametrize("text", ["0", "false", "No", "off", ""])
def test_debug_off(text):
    assert Config({"NUMBAD_DEBUG": text}).debug is False


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("NUMBAD_ENGINE", "fast", "engine must be 'auto', 'compiled' or 'traced', not 'fast'"),
        ("NUMBAD_DEBUG", "maybe", "NUMBAD_DEBUG must be one of"),
        ("NUMBAD_CACHE_DIR", __file__, "cache_dir must be a directory"),
    ],
)
def test_bad_environment_is_named(variable, text, message):
    with pytest.raises(ConfigError, match=message):
        Config({variable: text})


def test_assignment_is_validated():
    settings = Config({})
    with pytest.raises(ConfigError, match="not 3"):
        settings.engine = 3
    with pytest.raises(ConfigError, match="debug must be True or False"):
        settings.debug = "yes"
    with pytest.raises(AttributeError):
        settings.no_such_setting = 1


def test_cache_dir_is_absolute():
    settings = Config({})
    settings.cache_dir = "relative/folder"
    assert settings.cache_dir == Path.cwd() / "relative" / "folder"


def test_override_restores_after_an_exception():
    settings = Config({})
    seen = []

    def body():
        with settings.override(engine="compiled", debug=True):
            seen.append((settings.engine, settings.debug))
            raise KeyError

    with pytest.raises(KeyError):
        body()
    assert seen == [("compiled", True)]
    assert (settings.engine, settings.debug) == ("auto", False)


def test_override_with_a_bad_value_changes_nothing():
    settings = Config({})
    with pytest.raises(ConfigError), settings.override(debug=True, engine="fast"):
        pass
    assert settings.debug is False
    with (
        pytest.raises(ConfigError, match="no setting 'verbose'"),
        settings.override(verbose=True),
    ):
        pass


def test_the_instance_is_printable():
    assert repr(config).startswith("Config(engine=")
    assert validated_engine("auto") == "auto"
