"""The awslogs driver against a stand-in of CloudWatch Logs that checks every signature."""
import time

import pytest

from cloudwatch import ENVIRONMENT, CloudWatch


@pytest.fixture
def service():
    service = CloudWatch(groups=["here"])
    yield service
    service.close()


@pytest.fixture
def signing(own_daemon):
    """A daemon with credentials in its environment."""
    own_daemon.kill()
    own_daemon.start(env=ENVIRONMENT)
    return own_daemon


def options(service, **given):
    flags = ["--log-driver", "awslogs"]
    for name, value in {"region": "eu-north-1", "group": "here", "endpoint": f"http://127.0.0.1:{service.port}", **given}.items():
        flags += ["--log-opt", f"awslogs-{name.replace('_', '-')}={value}"]
    return flags


def messages(service, group, stream):
    return [event["message"] for event in service.groups.get(group, {}).get(stream, [])]


def test_lines_become_events_of_the_containers_stream_in_order(signing, service):
    name = signing.out("run", "-d", *options(service), "busybox", "sh", "-c", "echo one; echo; echo t\u00e9o; for i in $(seq 3000); do echo n$i; done; printf end")
    service.wait(lambda s: messages(s, "here", name)[-1:] == ["end"])
    assert messages(service, "here", name) == ["one", "t\u00e9o", *(f"n{i}" for i in range(1, 3001)), "end"]
    assert all(abs(event["timestamp"] / 1000 - time.time()) < 120 for event in service.groups["here"][name])
    assert service.calls[0] == "CreateLogStream" and set(service.calls[1:]) == {"PutLogEvents"}
    assert signing.docker("logs", "--tail", "1", name).stdout == "end"


def test_the_group_is_made_where_that_is_asked_for_and_the_stream_has_its_name_or_the_tags(signing, service):
    signing.docker("run", *options(service, group="new", create_group="true", stream="mine", format="json/emf"), "busybox", "echo", "x")
    service.wait(lambda s: messages(s, "new", "mine") == ["x"])
    assert service.calls[:3] == ["CreateLogStream", "CreateLogGroup", "CreateLogStream"] and service.formats == ["json/emf"]
    signing.docker("run", "--name", "tagged", *options(service), "--log-opt", "tag={{.Name}}/{{.ImageName}}", "busybox", "echo", "y")
    service.wait(lambda s: messages(s, "here", "tagged/busybox") == ["y"])
    refused = signing.docker("run", *options(service, group="none"), "busybox", "echo", "x", check=False)
    assert "failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException" in refused.stderr


def test_what_the_service_refuses_once_is_sent_again_and_what_it_has_is_not(signing, service):
    service.failing = {"PutLogEvents": "ThrottlingException"}
    name = signing.out("run", "-d", *options(service), "busybox", "echo", "again")
    service.wait(lambda s: messages(s, "here", name) == ["again"])
    service.failing = {"PutLogEvents": "DataAlreadyAcceptedException"}
    name = signing.out("run", "-d", *options(service), "busybox", "echo", "had")
    service.wait(lambda s: not s.failing)
    time.sleep(0.5)
    assert messages(service, "here", name) == []


def test_without_credentials_and_with_a_foreign_key_a_start_says_so(own_daemon, service):
    refused = own_daemon.docker("run", *options(service), "busybox", "true", check=False)
    assert "no credentials" in refused.stderr
    own_daemon.kill()
    own_daemon.start(env={**ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": "another"})
    refused = own_daemon.docker("run", *options(service), "busybox", "true", check=False)
    assert "InvalidSignatureException" in refused.stderr


@pytest.mark.parametrize("given,status,message", [
    ({}, 400, "must specify a value for log opt 'awslogs-group'"),
    ({"awslogs-group": "g", "x": "y"}, 400, "unknown log opt 'x' for awslogs log driver"),
    ({"awslogs-group": "g", "labels": "y"}, 400, "unknown log opt 'labels' for awslogs log driver"),
    ({"awslogs-group": "g", "awslogs-create-group": "x"}, 400,
     "must specify valid value for log opt 'awslogs-create-group': strconv.ParseBool: parsing \"x\": invalid syntax"),
    ({"awslogs-group": "g", "awslogs-max-buffered-events": "-1"}, 400, "must specify a positive integer for log opt 'awslogs-max-buffered-events': -1"),
    ({"awslogs-group": "g", "awslogs-format": "x"}, 400, "unsupported log format 'x'"),
    ({"awslogs-group": "g", "awslogs-multiline-pattern": "x"}, 501, "log opt 'awslogs-multiline-pattern' is not supported by this engine")])
def test_options_are_refused(daemon, given, status, message):
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"LogConfig": {"Type": "awslogs", "Config": given}}}
    assert daemon.api("POST", "/v1.51/containers/create", body) == (status, {"message": message})
