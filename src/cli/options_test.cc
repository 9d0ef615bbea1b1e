#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/container_options.h"
#include "cli/mounts.h"
#include "cli/option_values.h"
#include "cli/ports.h"
#include "os/file.h"

namespace wharf::cli {
namespace {

using Words = std::vector<std::string>;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& wrong) {
    return wrong.what();
  }
  return "no error";
}

std::string shown(const Ports& ports) {
  std::string out;
  for (const auto& [port, bindings] : ports.bindings) {
    out += port + "=";
    for (const PortBinding& each : bindings) out += each.host_ip + "|" + each.host_port + ";";
    out += " ";
  }
  return out;
}

TEST(Ports, TakesAllForms) {
  EXPECT_EQ(shown(parse_ports({"80"}, {})), "80/tcp=|; ");
  EXPECT_EQ(shown(parse_ports({"8080:80/udp"}, {})), "80/udp=|8080; ");
  EXPECT_EQ(shown(parse_ports({"127.0.0.1::80"}, {})), "80/tcp=127.0.0.1|; ");
  EXPECT_EQ(shown(parse_ports({"[::1]:81:80", "::1:82:80"}, {})), "80/tcp=::1|81;::1|82; ");
  EXPECT_EQ(shown(parse_ports({"8000-8001:80-81"}, {})), "80/tcp=|8000; 81/tcp=|8001; ");
  EXPECT_EQ(shown(parse_ports({"9000-9010:80"}, {})), "80/tcp=|9000-9010; ");
  EXPECT_EQ(shown(parse_ports({"published=5,target=6,protocol=udp"}, {})), "6/udp=|5; ");
  EXPECT_EQ(parse_ports({}, {"7-8/udp"}).exposed, (std::set<std::string>{"7/udp", "8/udp"}));
}

TEST(Ports, RefusesInDockersWords) {
  EXPECT_EQ(error_of([] { parse_ports({"99999"}, {}); }), "invalid containerPort: 99999");
  EXPECT_EQ(error_of([] { parse_ports({"x:80"}, {}); }), "invalid hostPort: x");
  EXPECT_EQ(error_of([] { parse_ports({"a:b:c:d"}, {}); }), "invalid IP address: a:b");
  EXPECT_EQ(error_of([] { parse_ports({"80/foo"}, {}); }), "invalid proto: foo");
  EXPECT_EQ(error_of([] { parse_ports({"1-3:5-6"}, {}); }),
            "invalid ranges specified for container and host Ports: 5-6 and 1-3");
  EXPECT_EQ(error_of([] { parse_ports({"1.2.3.4::"}, {}); }),
            "no port specified: 1.2.3.4::<empty>");
  EXPECT_EQ(error_of([] { parse_ports({}, {"1:2"}); }), "invalid port format for --expose: 1:2");
}

TEST(Mounts, BecomeTheApisObjects) {
  EXPECT_EQ(base::to_text(parse_mount("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave")),
            R"({"Type":"bind","Source":"/a","Target":"/b","ReadOnly":true,)"
            R"("BindOptions":{"Propagation":"rslave"}})");
  EXPECT_EQ(base::to_text(parse_mount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700")),
            R"({"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1048576,"Mode":448}})");
  EXPECT_EQ(base::to_text(parse_mount(R"(src=v,dst=/w,"volume-opt=o=a,b")")),
            R"({"Type":"volume","Source":"v","Target":"/w",)"
            R"("VolumeOptions":{"DriverConfig":{"Options":{"o":"a,b"}}}})");
}

TEST(Mounts, RefuseInDockersWords) {
  EXPECT_EQ(error_of([] { parse_mount("type=bind"); }), "target is required");
  EXPECT_EQ(error_of([] { parse_mount("foo"); }), "invalid field 'foo' must be a key=value pair");
  EXPECT_EQ(error_of([] { parse_mount("foo=bar"); }), "unexpected key 'foo' in 'foo=bar'");
  EXPECT_EQ(error_of([] { parse_mount("type=tmpfs,dst=/x,bind-propagation=shared"); }),
            "cannot mix 'bind-*' options with mount type 'tmpfs'");
  EXPECT_EQ(error_of([] { parse_mount("type=bind,dst=/x,ro=q"); }), "invalid value for ro: q");
  EXPECT_EQ(error_of([] { parse_mount(R"(a"b)"); }),
            "parse error on line 1, column 2: bare \" in non-quoted-field");
}

TEST(Volumes, AreBindsOrAnonymous) {
  const Volumes volumes = sort_volumes({"/a:/b:ro", "name:/c", "/anonymous", "./rel:/d"});
  EXPECT_EQ(volumes.anonymous, (Words{"/anonymous"}));
  ASSERT_EQ(volumes.binds.size(), 3u);
  EXPECT_EQ(volumes.binds[0], "/a:/b:ro");
  EXPECT_TRUE(volumes.binds[2].starts_with('/') && volumes.binds[2].ends_with("/rel:/d"));
}

TEST(Variables, ComeFromFilesAndTheEnvironment) {
  const os::TempDirectory folder;
  const std::string path = (folder.path() / "env").string();
  os::replace_file(path, "\xef\xbb\xbf# note\nA=1\n  B=two words\r\nWHARF_SET\nWHARF_UNSET\nC=\n",
                   0600);
  ::setenv("WHARF_SET", "yes", 1);
  EXPECT_EQ(read_variables({path}, {"D=4"}, true),
            (Words{"A=1", "B=two words", "WHARF_SET=yes", "C=", "D=4"}));
  EXPECT_EQ(read_variables({path}, {}, false), (Words{"A=1", "B=two words", "C="}));
  EXPECT_EQ(checked_env("WHARF_SET"), "WHARF_SET=yes");
  EXPECT_EQ(checked_env("WHARF_UNSET"), "WHARF_UNSET");
  os::replace_file(path, "a b=c\n", 0600);
  EXPECT_EQ(error_of([&] { read_variables({path}, {}, true); }),
            "variable 'a b' contains whitespaces");
  EXPECT_EQ(error_of([] { read_variables({"/nowhere"}, {}, true); }),
            "open /nowhere: no such file or directory");
}

TEST(Values, AreCheckedOneByOne) {
  EXPECT_EQ(checked_extra_host("h=[::1]"), "h:::1");
  EXPECT_EQ(checked_extra_host("h:host-gateway"), "h:host-gateway");
  EXPECT_EQ(parse_cpus("1.5"), 1'500'000'000);
  EXPECT_EQ(parse_cpus(".5"), 500'000'000);
  EXPECT_EQ(error_of([] { parse_cpus("1.0000000001"); }), "value is too precise");
  EXPECT_EQ(base::to_text(ulimit_json("nofile=1:2")), R"({"Name":"nofile","Hard":2,"Soft":1})");
  EXPECT_EQ(error_of([] { ulimit_json("nofile=5:1"); }),
            "ulimit soft limit must be less than or equal to hard limit: 5 > 1");
  EXPECT_EQ(base::to_text(device_json("/dev/a:/dev/b:r")),
            R"({"PathOnHost":"/dev/a","PathInContainer":"/dev/b","CgroupPermissions":"r"})");
  EXPECT_TRUE(is_cdi_device("vendor.com/class=name"));
  EXPECT_FALSE(is_cdi_device("/dev/a"));
  EXPECT_EQ(parse_network("name=n,alias=a,alias=b,ip=1.2.3.4").aliases, (Words{"a", "b"}));
  EXPECT_EQ(parse_network("name=").target, "name=");
}

TEST(ContainerBody, HasWhatDockersClientSendsForTheSimplestRun) {
  const base::JsonObject body = container_body({}, {"busybox", "echo", "hi"});
  EXPECT_EQ(base::to_text(body.at("Cmd")), R"(["echo","hi"])");
  EXPECT_EQ(body.at("AttachStdout"), true);
  EXPECT_EQ(body.at("AttachStdin"), false);
  const base::JsonObject& host = body.at("HostConfig").as_object();
  EXPECT_EQ(host.at("MemorySwappiness"), -1);
  EXPECT_EQ(host.at("NetworkMode"), "default");
  EXPECT_EQ(base::to_text(host.at("RestartPolicy")), R"({"Name":"no","MaximumRetryCount":0})");
  EXPECT_TRUE(body.at("NetworkingConfig").at("EndpointsConfig").as_object().contains("default"));
}

TEST(ContainerBody, RefusesContradictions) {
  ContainerOptions o;
  o.no_healthcheck = true;
  o.health_cmd = "x";
  EXPECT_EQ(error_of([&] { container_body(o, {"i"}); }),
            "--no-healthcheck conflicts with --health-* options");
  ContainerOptions pid;
  pid.pid = "foo";
  EXPECT_EQ(error_of([&] { container_body(pid, {"i"}); }), "--pid: invalid PID mode");
  ContainerOptions mac;
  mac.mac_address = "foo";
  EXPECT_EQ(error_of([&] { container_body(mac, {"i"}); }), "foo is not a valid mac address");
}

}  // namespace
}  // namespace wharf::cli
