// Is an inventory read as it was meant?
#include "lab/inventory/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "harness/kernel/fake_surroundings.h"
#include "lab/inventory/sample_host_test.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

Host parsed_host(std::string_view more, std::string_view below = "") {
  auto inventory = parsed(sample_host(more, below));
  return inventory.hosts.empty() ? Host{} : inventory.hosts.front();
}

TEST(Inventory, ReadsTheIgnoreList) {
  const auto inventory = parse_inventory(
      "# known\n[[allow]]\ntitle = \"foo_bar*\"\nreason = \"known\"\n\n"
      "[[allow]]\nkind = \"lockdep\"\ntitle = \"suspicious RCU usage\"\nreason = \"being mended\"\n",
      "lab.toml");
  ASSERT_TRUE(inventory) << inventory.error().what;
  ASSERT_THAT(inventory->allowances, SizeIs(2));
  EXPECT_EQ(inventory->allowances[0].kind, "warn");
  EXPECT_EQ(inventory->allowances[0].title, "foo_bar*");
  EXPECT_EQ(inventory->allowances[0].reason, "known");
  EXPECT_EQ(inventory->allowances[0].source, "lab.toml:2:1");
  EXPECT_EQ(inventory->allowances[1].kind, "lockdep");
}

TEST(Inventory, MayBeEmptyOrAbsent) {
  EXPECT_TRUE(parse_inventory("", "lab.toml")->allowances.empty());
  EXPECT_TRUE(read_inventory("")->allowances.empty());
}

TEST(Inventory, SaysWhichFileIsNotThere) {
  const auto inventory = read_inventory("/nonexistent/lab.toml");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().type(), "harness.usage");
  EXPECT_THAT(inventory.error().what, HasSubstr("/nonexistent/lab.toml"));
}

TEST(Inventory, GivesAHostItsDefaults) {
  const Host host = parsed_host("");
  EXPECT_EQ(host.name, "alpha");
  EXPECT_EQ(host.declared_at, "/lab/lab.toml:1:1");
  EXPECT_EQ(host.ssh.host.address, "h");
  EXPECT_EQ(host.ssh.host.port, 22);
  EXPECT_EQ(host.ssh.host.user, "root");
  EXPECT_EQ(host.ssh.host.host_key, kSampleKey);
  EXPECT_TRUE(host.ssh.host.key.empty());
  EXPECT_FALSE(host.ssh.jump);
  EXPECT_EQ(host.console.kind, ConsoleAccess::Kind::kNone);
  EXPECT_EQ(host.payload, Host::Payload::kInitramfs);
  EXPECT_EQ(host.work_dir, "/var/tmp/holdfast");
  EXPECT_EQ(host.time_scale, 1.0);
  EXPECT_THAT(host.power, IsEmpty());
  EXPECT_THAT(host.devices, IsEmpty());
}

TEST(Inventory, ReadsWhatAHostIsAndRuns) {
  const Host host = parsed_host(
      "tags = [\"x86\", \"rack-7\"]\ntime_scale = 3\npayload = \"rootfs\"\nkernel = \"mine\"\n"
      "next_kernel = \"k/bzImage\"\nmodules = \"../mod\"\ninitrd = \"/boot/initrd\"\nappend = \"a=1 b\"\n"
      "work_dir = \"/srv/x\"\nnever_touch = [\"3B:00.0\", \"0001:00:1f.6\"]\n");
  EXPECT_THAT(host.tags, ElementsAre("x86", "rack-7"));
  EXPECT_EQ(host.time_scale, 3.0);
  EXPECT_EQ(host.payload, Host::Payload::kRootfs);
  EXPECT_EQ(host.kernel, "mine");
  EXPECT_EQ(host.next_kernel, "/lab/k/bzImage");
  EXPECT_EQ(host.modules, "/mod");
  EXPECT_EQ(host.initrd, "/boot/initrd");
  EXPECT_EQ(host.append, "a=1 b");
  EXPECT_EQ(host.work_dir, "/srv/x");
  EXPECT_THAT(host.never_touch, ElementsAre("0000:3b:00.0", "0001:00:1f.6"));
}

TEST(Inventory, ReadsTheWayThroughAJumpHost) {
  const fake::ScopedEnv home("HOME", "/users/me");
  const Host host = parsed_host("",
                                "user = \"lab\"\nport = 2022\nkey = \"~/.ssh/k\"\n[host.ssh.jump]\naddress = \"g\"\n"
                                "key = \"keys/g\"\nhost_key = \"" +
                                    std::string(kSampleKey) + " root@g\"\n");
  EXPECT_EQ(host.ssh.host.user, "lab");
  EXPECT_EQ(host.ssh.host.port, 2022);
  EXPECT_EQ(host.ssh.host.key, "/users/me/.ssh/k");
  ASSERT_TRUE(host.ssh.jump);
  EXPECT_EQ(host.ssh.jump->address, "g");
  EXPECT_EQ(host.ssh.jump->key, "/lab/keys/g");
  EXPECT_EQ(host.ssh.jump->host_key, kSampleKey);
}

constexpr std::string_view kBmc =
    "[[host.power]]\ntype = \"ipmi\"\naddress = \"bmc\"\nport = 9623\nuser = \"u\"\npassword = { env = \"P\" }\n"
    "cipher_suite = 17\n";

TEST(Inventory, ReadsEachKindOfPower) {
  const Host host = parsed_host("", std::string(kBmc) +
                                        "[[host.power]]\ntype = \"fence\"\nagent = \"fence_apc_snmp\"\noptions = { ip "
                                        "= \"x y\", plug = 3, ssl = true, "
                                        "quiet = false }\nsecrets = { community = { file = \"c\" } }\n"
                                        "[[host.power]]\ntype = \"exec\"\non = [\"./relay\", \"on\"]\noff = "
                                        "[\"relay\", \"off\"]\nstate = [\"/r\"]\n");
  ASSERT_THAT(host.power, SizeIs(3));
  const IpmiAccess& ipmi = host.power[0].ipmi;
  EXPECT_EQ(host.power[0].kind, PowerAccess::Kind::kIpmi);
  EXPECT_EQ(ipmi.address, "bmc");
  EXPECT_EQ(ipmi.port, 9623);
  EXPECT_EQ(ipmi.user, "u");
  EXPECT_EQ(ipmi.password.variable, "P");
  EXPECT_EQ(ipmi.password.declared_at, "/lab/lab.toml:11:1");
  EXPECT_EQ(ipmi.cipher_suite, 17);
  EXPECT_EQ(host.power[1].kind, PowerAccess::Kind::kFence);
  EXPECT_EQ(host.power[1].agent, "fence_apc_snmp");
  EXPECT_THAT(host.power[1].options, ElementsAre(testing::Pair("ip", "x y"), testing::Pair("plug", "3"),
                                                 testing::Pair("quiet", "0"), testing::Pair("ssl", "1")));
  EXPECT_EQ(host.power[1].secrets.at("community").file, "/lab/c");
  EXPECT_EQ(host.power[1].declared_at, "/lab/lab.toml:13:1");
  EXPECT_EQ(host.power[2].kind, PowerAccess::Kind::kExec);
  EXPECT_THAT(host.power[2].on, ElementsAre("/lab/relay", "on"));
  EXPECT_THAT(host.power[2].off, ElementsAre("relay", "off"));
  EXPECT_THAT(host.power[2].state, ElementsAre("/r"));
}

TEST(Inventory, TakesASingleTableForAListOfOne) {
  EXPECT_THAT(parsed_host("", "[host.power]\ntype = \"exec\"\non = [\"a\"]\noff = [\"b\"]\nstate = [\"c\"]\n").power,
              SizeIs(1));
}

TEST(Inventory, ReadsEachKindOfConsole) {
  EXPECT_EQ(parsed_host("", "[host.console]\ntype = \"none\"\n").console.kind, ConsoleAccess::Kind::kNone);
  const auto program = parsed_host("", "[host.console]\ntype = \"exec\"\nargv = [\"con\", \"a b\"]\n").console;
  EXPECT_EQ(program.kind, ConsoleAccess::Kind::kExec);
  EXPECT_THAT(program.argv, ElementsAre("con", "a b"));
  EXPECT_EQ(program.sysrq_word, "");
  const auto tcp = parsed_host("", "[host.console]\ntype = \"tcp\"\naddress = \"ts\"\nport = 7001\n").console;
  EXPECT_EQ(tcp.kind, ConsoleAccess::Kind::kTcp);
  EXPECT_EQ(tcp.address, "ts");
  EXPECT_EQ(tcp.port, 7001);
  const auto line =
      parsed_host("",
                  "[host.console]\ntype = \"serial\"\ndevice = \"/dev/ttyUSB0\"\nbaud = 9600\nsysrq_word = \"w!\"\n")
          .console;
  EXPECT_EQ(line.kind, ConsoleAccess::Kind::kSerial);
  EXPECT_EQ(line.device, "/dev/ttyUSB0");
  EXPECT_EQ(line.baud, 9600U);
  EXPECT_EQ(line.sysrq_word, "w!");
}

TEST(Inventory, TakesSerialOverLanFromTheBmcUnlessToldOtherwise) {
  const auto taken = parsed_host("", std::string(kBmc) + "[host.console]\ntype = \"sol\"\n").console;
  EXPECT_EQ(taken.kind, ConsoleAccess::Kind::kSol);
  EXPECT_EQ(taken.ipmi.address, "bmc");
  EXPECT_EQ(taken.ipmi.port, 9623);
  EXPECT_EQ(taken.ipmi.password.variable, "P");
  EXPECT_EQ(taken.ipmi.cipher_suite, 17);
  const auto own = parsed_host("", std::string(kBmc) + "[host.console]\ntype = \"sol\"\nuser = \"v\"\n").console;
  EXPECT_EQ(own.ipmi.user, "v");
  EXPECT_EQ(own.ipmi.address, "bmc");
  const auto alone = parsed_host("",
                                 "[host.console]\ntype = \"sol\"\naddress = \"c\"\nuser = \"v\"\n"
                                 "password = { env = \"Q\" }\n")
                         .console;
  EXPECT_EQ(alone.ipmi.address, "c");
  EXPECT_EQ(alone.ipmi.port, 623);
  EXPECT_EQ(alone.ipmi.password.variable, "Q");
}

TEST(Inventory, ReadsDevices) {
  const Host host =
      parsed_host("",
                  "[[host.device]]\nrole = \"nic\"\nbdf = \"5E:00.0\"\nmodel = \"X710\"\n"
                  "traits = [\"msix\", \"reset\"]\n[[host.device]]\nrole = \"disk\"\nid = \"144D:a808\"\n");
  ASSERT_THAT(host.devices, SizeIs(2));
  EXPECT_EQ(host.devices[0].device.role, "nic");
  EXPECT_EQ(host.devices[0].device.bdf, "0000:5e:00.0");
  EXPECT_EQ(host.devices[0].device.model, "X710");
  EXPECT_THAT(host.devices[0].device.traits, ElementsAre("msix", "reset"));
  EXPECT_EQ(host.devices[0].vendor, 0);
  EXPECT_EQ(host.devices[1].device.bdf, "");
  EXPECT_EQ(host.devices[1].device.model, "disk");
  EXPECT_EQ(host.devices[1].vendor, 0x144d);
  EXPECT_EQ(host.devices[1].id, 0xa808);
  EXPECT_EQ(host.devices[1].declared_at, "/lab/lab.toml:11:1");
}

TEST(Inventory, ReadsVirtualMachines) {
  const auto inventory = parsed(
      "[[vm]]\nname = \"a\"\n[[vm]]\nname = \"b\"\ntags = [\"t\"]\nmemory_mib = 2048\ncpus = 4\n"
      "accel = \"tcg\"\ntime_scale = 0.5\n");
  ASSERT_THAT(inventory.vms, SizeIs(2));
  EXPECT_EQ(inventory.vms[0].memory_mib, 512U);
  EXPECT_EQ(inventory.vms[0].cpus, 1U);
  EXPECT_EQ(inventory.vms[0].accel, AccelWish::kAuto);
  EXPECT_EQ(inventory.vms[1].memory_mib, 2048U);
  EXPECT_EQ(inventory.vms[1].cpus, 4U);
  EXPECT_EQ(inventory.vms[1].accel, AccelWish::kTcg);
  EXPECT_EQ(inventory.vms[1].time_scale, 0.5);
  EXPECT_THAT(inventory.vms[1].tags, ElementsAre("t"));
}

TEST(Inventory, ReadsDevicesOfThisMachine) {
  const auto inventory = parsed(
      "[[vm]]\nname = \"a\"\n[[vm]]\nname = \"b\"\nemulated = false\nforce = true\nhugepages = \"1G\"\n"
      "memory_mib = 2048\n[[vm.device]]\npassthrough = \"3b:00.1\"\nfunction = 3\nport = 30\nrombar = true\n"
      "options = { x-a = false, x-b = 7, x-c = \"d\" }\n[[vm.device]]\npassthrough = \"8086:10D3\"\n");
  ASSERT_THAT(inventory.vms, SizeIs(2));
  EXPECT_FALSE(inventory.vms[0].takes_devices());
  EXPECT_TRUE(inventory.vms[0].passed.emulated);
  const PassthroughVm& passed = inventory.vms[1].passed;
  EXPECT_FALSE(passed.emulated);
  EXPECT_TRUE(passed.force);
  EXPECT_EQ(passed.hugepage_mib, 1024U);
  ASSERT_THAT(passed.devices, SizeIs(2));
  const PassedDevice& first = passed.devices[0];
  EXPECT_EQ(first.passthrough, "0000:3b:00.1");
  EXPECT_EQ(first.role, "");
  EXPECT_EQ(first.function, 3U);
  EXPECT_EQ(first.port, 30U);
  EXPECT_EQ(first.rombar, true);
  EXPECT_THAT(first.options, ElementsAre(Pair("x-a", "off"), Pair("x-b", "7"), Pair("x-c", "d")));
  EXPECT_EQ(first.declared_at, "/lab/lab.toml:9:1");
  EXPECT_EQ(passed.devices[1].passthrough, "8086:10D3");
}

TEST(Inventory, KnowsWhereLeasesAre) {
  const fake::ScopedEnv home("HOME", "/users/me");
  {
    const fake::ScopedEnv state("XDG_STATE_HOME", "/state");
    EXPECT_EQ(parsed("").leases.folder, "/state/holdfast/leases");
  }
  const fake::ScopedEnv state("XDG_STATE_HOME", "relative");
  const Leases usual = parsed("").leases;
  EXPECT_EQ(usual.folder, "/users/me/.local/state/holdfast/leases");
  EXPECT_FALSE(usual.folder_named);
  EXPECT_EQ(usual.heartbeat, std::chrono::seconds(10));
  EXPECT_EQ(usual.expires_after, std::chrono::seconds(60));
  const Leases named = parsed("[leases]\nfolder = \"l\"\nheartbeat_s = 5\nexpires_after_s = 15\n").leases;
  EXPECT_EQ(named.folder, "/lab/l");
  EXPECT_TRUE(named.folder_named);
  EXPECT_EQ(named.heartbeat, std::chrono::seconds(5));
  EXPECT_EQ(named.expires_after, std::chrono::seconds(15));
}

TEST(Inventory, WantsAFolderForLeasesOnlyWhereThereAreHosts) {
  const fake::ScopedEnv home("HOME", "");
  const fake::ScopedEnv state("XDG_STATE_HOME", "");
  EXPECT_EQ(parsed("").leases.folder, "");
  const auto refused = parse_inventory(sample_host(), "lab.toml");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "lab.toml:1:1: there is no folder for the leases of hosts");
  EXPECT_TRUE(parse_inventory(sample_host() + "[leases]\nfolder = \"/l\"\n", "lab.toml"));
}

}  // namespace
}  // namespace holdfast::lab
