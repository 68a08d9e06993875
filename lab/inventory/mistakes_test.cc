// Is every mistake in an inventory pointed at: the place, what is wrong with it, and what was probably meant?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/inventory/inventory.h"
#include "lab/inventory/sample_host_test.h"

namespace holdfast::lab {
namespace {

struct Mistake {
  std::string text;
  std::string says;       ///< the whole sentence, without "lab.toml:"
  std::string hint = {};  ///< a part of it
};

/// The mistake is in line 3, in [[host]].
Mistake in_host(const std::string& line, const std::string& says, const std::string& hint = "") {
  return {sample_host(line + "\n"), "3:" + says, hint};
}
/// The mistake is behind the host, which ends in line 5.
Mistake below(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return {sample_host("", lines + "\n"), says, hint};
}
Mistake in_file(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return {lines + "\n", says, hint};
}

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.says; }

class InventoryMistake : public testing::TestWithParam<Mistake> {};

TEST_P(InventoryMistake, IsPointedAt) {
  const auto inventory = parse_inventory(GetParam().text, "lab.toml");
  ASSERT_FALSE(inventory) << GetParam().text;
  EXPECT_EQ(inventory.error().type(), "harness.usage");
  EXPECT_EQ(inventory.error().what, "lab.toml:" + GetParam().says) << GetParam().text;
  EXPECT_THAT(inventory.error().hint, testing::HasSubstr(GetParam().hint));
}

const std::string kKey(kSampleKey);

INSTANTIATE_TEST_SUITE_P(
    Allowances, InventoryMistake,
    testing::Values(
        in_file("[[alow]]", "1:3: unknown key 'alow'; did you mean 'allow'?", "known here: include, allow"),
        in_file("[[allow]]\ntitel = \"x\"\nreason = \"y\"", "2:1: unknown key 'titel'; did you mean 'title'?"),
        in_file("[[allow]]\nreson = \"x\"\ntitel = \"y\"", "2:1: unknown key 'reson'; did you mean 'reason'?"),
        in_file("[[allow]]\ntitle = \"x\"", "1:1: [[allow]] has no reason"),
        in_file("[[allow]]\nreason = \"x\"", "1:1: [[allow]] has no title"),
        in_file("[[allow]]\ntitle = \"x\"\nreason = \"  \"", "3:10: reason must not be empty"),
        in_file("[[allow]]\ntitle = \"x\"\nreason = 7", "3:10: reason must be a string"),
        in_file("[[allow]]\ntitle = \"x\"\nreason = \"a\\nb\"",
                "3:10: reason must be one line without control characters"),
        in_file("[[allow]]\ntitle = \"*\"\nreason = \"x\"", "2:9: title allows everything; say what it is about"),
        in_file("[[allow]]\nkind = \"panic\"\ntitle = \"x\"\nreason = \"y\"", "2:8: kind \"panic\" cannot be allowed",
                "only what a kernel survives"),
        in_file("[[allow]]\nkind = \"wran\"\ntitle = \"x\"\nreason = \"y\"",
                "2:8: kind \"wran\" cannot be allowed; did you mean \"warn\"?"),
        in_file("allow = 3", "1:9: allow must be tables: [[allow]]"),
        in_file("[allow]", "1:1: allow must be tables: [[allow]]"),
        in_file("allow = [1]", "1:9: allow must be tables: [[allow]]")));

INSTANTIATE_TEST_SUITE_P(
    Hosts, InventoryMistake,
    testing::Values(
        in_file("[[host]]", "1:1: [[host]] has no name"),
        in_file("[[host]]\nname = \"a\"", "1:1: [[host]] has no ssh", "write a table [host.ssh]"),
        in_file("[[host]]\nname = \"a b\"", "2:8: 'a b' is no name", "letters, digits"),
        in_file("[[host]]\nname = \"..\"", "2:8: '..' is no name"),
        in_file("[[host]]\nname = \"-x\"", "2:8: '-x' is no name"),
        in_file("[[host]]\nname = \"a/b\"", "2:8: 'a/b' is no name"),
        in_file("[[host]]\nname = \"qemu\"", "2:8: 'qemu' is the built-in virtual machine"),
        in_host("tgas = [\"x\"]", "1: unknown key 'tgas'; did you mean 'tags'?", "known here: name, tags"),
        in_host("tags = \"x\"", "8: tags must be a list of strings"), in_host("tags = []", "8: tags must not be empty"),
        in_host("tags = [\"x\", 3]", "14: each of tags must be a string"),
        in_host("tags = [\"x\", \"x\"]", "8: 'x' is twice in tags"),
        in_host("tags = [\"x,y\"]", "8: 'x,y' is no word of tags"),
        in_host("tags = [\"emulated\"]", "8: a host cannot be 'emulated': that is what virtual machines are"),
        in_host("time_scale = 0", "14: time_scale is 0; it must be from 0.1 to 100"),
        in_host("time_scale = nan", "14: time_scale is nan; it must be from 0.1 to 100"),
        in_host("time_scale = \"2\"", "14: time_scale must be a number"),
        in_host("payload = \"initrams\"", "11: no payload is called \"initrams\"; did you mean \"initramfs\"?",
                "known: initramfs, rootfs"),
        in_host("initrd = \"/boot/i\"", "10: initrd goes with payload = \"rootfs\": the other one is an initrd itself"),
        in_host("append = \"quiet holdfast.boot=1\"", "10: holdfast.boot=1 is for holdfast itself to say"),
        in_host("work_dir = \"tmp\"", "12: work_dir is a path on the host and must begin with '/'"),
        in_host("work_dir = \"/\"", "12: / is not a folder to fill with files"),
        in_host("work_dir = \"/tmp\"", "12: /tmp is not a folder to fill with files"),
        in_host("work_dir = \"/tmp/../usr\"", "12: /usr is not a folder to fill with files"),
        in_host("work_dir = \"/tmp/$(id)\"", "12: work_dir may have letters, digits, '.', '_', '-' and '/' in it"),
        in_host("never_touch = [\"3:0\"]", "15: '3:0' is no PCI address", "0000:03:00.0"),
        in_host("never_touch = [\"00:20.0\"]", "15: '00:20.0' is no PCI address"),
        Mistake{sample_host() + sample_host(), "7:8: the name 'alpha' is taken: lab.toml:2:8", "are all targets"},
        Mistake{sample_host() + "[[vm]]\nname = \"alpha\"\n", "7:8: the name 'alpha' is taken: lab.toml:2:8"}));

INSTANTIATE_TEST_SUITE_P(
    Ssh, InventoryMistake,
    testing::Values(
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\nadress = \"h\"",
                "4:1: unknown key 'adress'; did you mean 'address'?"),
        in_file("[[host]]\nname = \"a\"\nssh = \"h\"", "3:7: ssh must be a table: [host.ssh]"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\nport = 23", "3:1: [host.ssh] has no address"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\naddress = \"root@h\"", "4:11: 'root@h' is no address",
                "user and port have keys"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\naddress = \"-oProxyCommand=x\"",
                "4:11: '-oProxyCommand=x' is no address"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\naddress = \"h\"\nport = 2022", "3:1: [host.ssh] has no host_key",
                "`ssh-keyscan -t ed25519 -p 2022 h`"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\naddress = \"h\"\n[host.ssh.jump]\naddress = \"g\"\nuser = \"u\"\n"
                "host_key = \"" +
                    kKey + "\"",
                "3:1: [host.ssh] has no host_key", "`ssh -p 22 u@g ssh-keyscan -t ed25519 -p 22 h`"),
        in_file("[[host]]\nname = \"a\"\n[host.ssh]\naddress = \"h\"\nhost_key = \"ssh-ed25519 AAAA\"",
                "5:12: host_key: the key was cut short", "ssh-keyscan"),
        below("port = 0", "6:8: port is 0; it must be from 1 to 65535"),
        below("port = 65536", "6:8: port is 65536; it must be from 1 to 65535"),
        below("port = \"22\"", "6:8: port must be a whole number"),
        below("user = \"-l\"", "6:8: '-l' cannot be a user"), below("key = 1979-05-27", "6:7: key must be a string"),
        below("[host.ssh.jump]\naddress = \"g\"", "6:1: [host.ssh.jump] has no host_key",
              "`ssh-keyscan -t ed25519 -p 22 g`"),
        below("[host.ssh.jump]\njump = 1", "7:1: unknown key 'jump'")));

const std::string kPower = "[[host.power]]\ntype = ";

INSTANTIATE_TEST_SUITE_P(
    Power, InventoryMistake,
    testing::Values(
        below("[[host.power]]", "6:1: [[host.power]] has no type", "known: ipmi, fence, exec"),
        below(kPower + "\"impi\"", "7:8: no type is called \"impi\"; did you mean \"ipmi\"?"),
        below(kPower + "\"ipmi\"", "6:1: [[host.power]] has no address"),
        below(kPower + "\"ipmi\"\nagent = \"fence_x\"", "8:1: agent goes with type \"fence\", not with \"ipmi\""),
        below(kPower + "\"ipmi\"\naddress = \"b\"", "6:1: [[host.power]] has no user"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"", "6:1: [[host.power]] has no password",
              "password = { env = \"NAME\" }"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = \"sesame\"",
              "10:12: password must not stand in this file; write password = { env = \"NAME\" } or password = { file = "
              "\"path\" }",
              "inventories are shared"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = {}",
              "10:12: password needs either env or file; write password = { env = \"NAME\" } or password = { file = "
              "\"path\" }"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = { env = \"A\", file = \"b\" }",
              "10:12: password needs either env or file; write password = { env = \"NAME\" } or password = { file = "
              "\"path\" }"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = { evn = \"A\" }",
              "10:14: unknown key 'evn'; did you mean 'env'?"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = { env = \"A B\" }",
              "10:20: 'A B' cannot be the name of a variable"),
        below(kPower + "\"ipmi\"\naddress = \"b\"\nuser = \"u\"\npassword = { env = \"A\" }\ncipher_suite = 0",
              "11:16: cipher_suite is 0; it must be from 1 to 17"),
        below(kPower + "\"fence\"", "6:1: [[host.power]] has no agent"),
        below(kPower + "\"fence\"\nagent = \"redfish\"",
              "8:9: 'redfish' is no fence agent: their names begin with fence_"),
        below(kPower + "\"fence\"\nagent = \"../fence_x\"", "8:9: '../fence_x' is no agent"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = 3",
              "9:11: options must be a table: { name = value }"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { passwd = \"sesame\" }",
              "9:13: passwd must not stand in this file", "secrets = { passwd = { env = \"NAME\" } }"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { action = \"off\" }",
              "9:13: action is what holdfast itself tells the agent"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { ip = \"a\\naction=off\" }",
              "9:18: ip must be one line"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { \"ip=1\\n\" = \"a\" }",
              "9:13: ip=1\n is no option of a fence agent"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { plug = 1.5 }",
              "9:20: plug must be a string, a whole number, true or false"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\nsecrets = { passwd = \"sesame\" }",
              "9:22: passwd must not stand in this file; write passwd = { env = \"NAME\" } or passwd = { file = "
              "\"path\" }"),
        below(kPower + "\"fence\"\nagent = \"fence_x\"\noptions = { x = 1 }\nsecrets = { x = { env = \"A\" } }",
              "10:13: x stands in options already"),
        below(kPower + "\"exec\"\non = [\"a\"]\noff = [\"b\"]", "6:1: [[host.power]] has no state"),
        below(kPower + "\"exec\"\non = \"a b\"", "8:6: on must be a list of strings"),
        below("power = 3", "6:1: unknown key 'power'")));

const std::string kConsole = "[host.console]\ntype = ";

INSTANTIATE_TEST_SUITE_P(
    Consoles, InventoryMistake,
    testing::Values(
        below("[host.console]", "6:1: [host.console] has no type", "known: none, sol, exec, tcp, serial"),
        below(kConsole + "\"serail\"", "7:8: no type is called \"serail\"; did you mean \"serial\"?"),
        below(kConsole + "\"none\"\nsysrq_word = \"x\"",
              "8:1: sysrq_word goes with type \"sol\" or \"exec\" or \"tcp\" or \"serial\", not with \"none\""),
        below(kConsole + "\"tcp\"\ndevice = \"/dev/x\"", "8:1: device goes with type \"serial\", not with \"tcp\""),
        below(kConsole + "\"serial\"\naddress = \"h\"",
              "8:1: address goes with type \"sol\" or \"tcp\", not with \"serial\""),
        below(kConsole + "\"sol\"", "6:1: [host.console] has no address", "no [[host.power]] of type \"ipmi\""),
        below(kConsole + "\"sol\"\naddress = \"h\"", "6:1: [host.console] has no user",
              "no [[host.power]] of type \"ipmi\""),
        below(kConsole + "\"sol\"\naddress = \"h\"\nuser = \"u\"\npassword = \"x\"",
              "10:12: password must not stand in this file; write password = { env = \"NAME\" } or password = { file = "
              "\"path\" }"),
        below(kConsole + "\"exec\"", "6:1: [host.console] has no argv"),
        below(kConsole + "\"exec\"\nargv = []", "8:8: argv must not be empty"),
        below(kConsole + "\"exec\"\nargv = [\"\"]", "8:9: each of argv must not be empty"),
        below(kConsole + "\"tcp\"\naddress = \"h\"", "6:1: [host.console] has no port"),
        below(kConsole + "\"serial\"", "6:1: [host.console] has no device"),
        below(kConsole + "\"serial\"\ndevice = \"/dev/x\"\nbaud = 9601", "9:8: no serial line has 9601 baud",
              "known: 9600, 19200")));

const std::string kNic = "[[host.device]]\nrole = \"nic\"\nbdf = \"03:00.0\"\n";

INSTANTIATE_TEST_SUITE_P(
    Devices, InventoryMistake,
    testing::Values(below("[[host.device]]\nbdf = \"03:00.0\"", "6:1: [[host.device]] has no role"),
                    below("[[host.device]]\nrole = \"nic/1\"", "7:8: 'nic/1' is no role"),
                    below("[[host.device]]\nrole = \"nic\"", "6:1: device nic needs either bdf or id"),
                    below(kNic + "id = \"8086:10d3\"", "6:1: device nic needs either bdf or id"),
                    below("[[host.device]]\nrole = \"nic\"\nbdf = \"03:00\"", "8:7: '03:00' is no PCI address"),
                    below("[[host.device]]\nrole = \"nic\"\nid = \"8086:10d\"",
                          "8:6: '8086:10d' is no vendor and device", "lspci -nn"),
                    below("[[host.device]]\nrole = \"nic\"\nid = \"ffff:10d3\"",
                          "8:6: 'ffff:10d3' is no vendor and device"),
                    below(kNic + kNic, "10:8: the role 'nic' is taken: by the device at lab.toml:6:1"),
                    below(kNic + "[[host.device]]\nrole = \"other\"\nbdf = \"0000:03:00.0\"",
                          "9:1: device other is the same as nic at lab.toml:6:1", "told apart by their bdf"),
                    below(kNic + "trait = [\"msix\"]", "9:1: unknown key 'trait'; did you mean 'traits'?"),
                    Mistake{sample_host("never_touch = [\"0000:03:00.0\"]\n", kNic),
                            "9:7: 0000:03:00.0 is in never_touch: lab.toml:3:15"}));

INSTANTIATE_TEST_SUITE_P(
    VirtualMachinesAndLeases, InventoryMistake,
    testing::Values(
        in_file("[[vm]]\nname = \"v\"\nmemory = 1", "3:1: unknown key 'memory'; did you mean 'memory_mib'?"),
        in_file("[[vm]]\nname = \"v\"\nmemory_mib = 64", "3:14: memory_mib is 64; it must be from 512 to 1048576"),
        in_file("[[vm]]\nname = \"v\"\naccel = \"kmv\"", "3:9: no accel is called \"kmv\"; did you mean \"kvm\"?"),
        in_file("[[vm]]\nname = \"v\"\n[[vm]]\nname = \"v\"", "4:8: the name 'v' is taken: lab.toml:2:8"),
        in_file("[leases]\nheartbeat = 1", "2:1: unknown key 'heartbeat'; did you mean 'heartbeat_s'?"),
        in_file("[leases]\nheartbeat_s = 30",
                "2:15: leases that expire after 60 s need a heartbeat every 20 s at least, not every 30 s"),
        in_file("[leases]\nexpires_after_s = 29",
                "2:19: leases that expire after 29 s need a heartbeat every 9 s at least, not every 10 s"),
        in_file("[[leases]]", "1:1: leases must be a table: [leases]"),
        in_file("include = \"a\"", "1:11: include must be a list of strings"),
        in_file("colour = 1\nhost = 3", "1:1: unknown key 'colour'")));

/// The mistake is in line 4, in [[vm.device]], which has a device already.
Mistake in_passed(const std::string& line, const std::string& says, const std::string& hint = "") {
  return in_file("[[vm]]\nname = \"v\"\n[[vm.device]]\n" + line + "\npassthrough = \"0000:3b:00.0\"", says, hint);
}
Mistake in_vm(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return in_file("[[vm]]\nname = \"v\"\n" + lines, says, hint);
}

INSTANTIATE_TEST_SUITE_P(
    DevicesOfThisMachine, InventoryMistake,
    testing::Values(
        in_passed("bdf = \"1\"", "4:1: unknown key 'bdf'", "known here: passthrough, role"),
        in_passed("rombra = true", "4:1: unknown key 'rombra'; did you mean 'rombar'?"),
        in_passed("rombar = 1", "4:10: rombar must be true or false"),
        in_passed("port = 31", "4:8: port is 31; it must be from 1 to 30"),
        in_passed("function = 8", "4:12: function is 8; it must be from 0 to 7"),
        in_passed("window_mib = 0", "4:14: window_mib is 0; it must be from 1 to 67108864"),
        in_passed("traits = [\"spare\"]", "4:10: a device that is passed through cannot be 'spare'"),
        in_passed("options = { host = \"x\" }", "4:13: option 'host' does not begin with x-", "experimental"),
        in_passed("options = { x-a = \"1,host=2\" }", "4:13: x-a has a comma in it"),
        in_passed("options = { x-a = 1.5 }", "4:13: x-a must be true, false, a whole number or a string"),
        in_passed("role = \"nvme\"", "4:8: the role 'nvme' is taken: by an emulated device", "emulated = false"),
        in_vm("[[vm.device]]\nrole = \"x\"", "3:1: [[vm.device]] has no passthrough"),
        in_vm("[[vm.device]]\npassthrough = \"3b\"", "4:15: '3b' is neither an address nor vendor and device",
              "holdfast list devices --local"),
        in_vm("[[vm.device]]\npassthrough = \"ffff:10d3\"",
              "4:15: 'ffff:10d3' is neither an address nor vendor and device"),
        in_vm("[[vm.device]]\npassthrough = \"8086:10d3\"\n[[vm.device]]\npassthrough = \"8086:10d3\"",
              "6:15: the role '8086:10d3' is taken: by the device at lab.toml:3:1", "a role of its own"),
        in_vm("hugepages = \"3M\"", "3:13: no hugepages is called \"3M\"; did you mean \"2M\"?"),
        in_vm("hugepages = \"1G\"", "3:13: 512 MiB of memory are no whole number of pages of 1G"),
        in_vm("emulated = false", "3:12: emulated goes with [[vm.device]]: there is none"),
        in_vm("force = true", "3:9: force goes with [[vm.device]]: there is none")));

TEST(InventorySyntax, IsPointedAtToo) {
  const auto inventory = parse_inventory("[[host]]\nname = \n", "lab.toml");
  ASSERT_FALSE(inventory);
  EXPECT_THAT(inventory.error().what, testing::StartsWith("lab.toml:2:8: "));
  EXPECT_EQ(inventory.error().type(), "harness.usage");
}

TEST(InventorySyntax, IsNotReadWhereItIsDeeperThanAnyoneCanMean) {
  std::string deep = "a";
  for (int i = 0; i < 100000; ++i) deep += ".a";
  const auto inventory = parse_inventory("# deep\n" + deep + " = 1\n", "lab.toml");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().what, "lab.toml:2:4097: no line may be longer than 4096 bytes");
}

TEST(InventorySyntax, OfBytesThatNoTerminalShouldSeeIsShownEscaped) {
  const auto inventory = parse_inventory("\"\\u001b[2J\" = 1\n", "lab.toml");
  ASSERT_FALSE(inventory);
  EXPECT_EQ(inventory.error().what, "lab.toml:1:1: unknown key '\\x1b[2J'");
}

}  // namespace
}  // namespace holdfast::lab
