// Do the examples say what their comments tell, and does the page on the keys tell all of them?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/fake_surroundings.h"
#include "lab/inventory/inventory.h"
#include "lab/inventory/sections.h"
#include "tools/ctest/places.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::SizeIs;

fs::path examples() { return source_dir() / "lab/examples"; }

Inventory example(const std::string& name) {
  auto inventory = read_inventory(examples() / name);
  EXPECT_TRUE(inventory) << inventory.error().what;
  return inventory ? *std::move(inventory) : Inventory{};
}

std::vector<fs::path> all_examples() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(examples())) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

TEST(Examples, AreAllSound) {
  EXPECT_GE(all_examples().size(), 7U);
  for (const fs::path& file : all_examples()) {
    const auto inventory = read_inventory(file);
    EXPECT_TRUE(inventory) << inventory.error().what;
  }
}

TEST(Examples, KnownWarnings) {
  const Inventory inventory = example("known-warnings.toml");
  ASSERT_THAT(inventory.allowances, SizeIs(2));
  CrashFinding finding;
  finding.kind = "warn";
  finding.title = "WARNING: drivers/net/ethernet/example/ring.c:417 at example_ring_stop+0x12/0x40, CPU#0: ip/31";
  EXPECT_TRUE(allows(inventory.allowances[0], finding));
  finding.title = "WARNING: drivers/net/ethernet/example/other.c:1 at example_other_stop+0x12/0x40, CPU#0: ip/31";
  EXPECT_FALSE(allows(inventory.allowances[0], finding));
}

TEST(Examples, TwoHosts) {
  const fake::ScopedEnv home("HOME", "/users/me");
  const Inventory inventory = example("two-hosts.toml");
  ASSERT_THAT(inventory.hosts, SizeIs(2));
  const Host& alpha = inventory.hosts[0];
  EXPECT_EQ(alpha.name, "alpha");
  EXPECT_EQ(alpha.ssh.host.key, "/users/me/.ssh/lab_ed25519");
  ASSERT_TRUE(alpha.ssh.jump);
  EXPECT_EQ(alpha.ssh.jump->address, "gate.example.org");
  EXPECT_EQ(alpha.ssh.jump->port, 2222);
  EXPECT_NE(alpha.ssh.jump->host_key, alpha.ssh.host.host_key);
  ASSERT_THAT(alpha.power, SizeIs(2));
  EXPECT_EQ(alpha.power[0].kind, PowerAccess::Kind::kIpmi);
  EXPECT_EQ(alpha.power[0].ipmi.password.variable, "ALPHA_BMC_PASSWORD");
  EXPECT_EQ(alpha.power[1].agent, "fence_apc_snmp");
  EXPECT_EQ(alpha.power[1].options.at("plug"), "12");
  EXPECT_EQ(alpha.power[1].secrets.at("community").file, "/users/me/.config/holdfast/pdu-7.community");
  EXPECT_EQ(alpha.console.kind, ConsoleAccess::Kind::kSol);
  EXPECT_EQ(alpha.console.ipmi.address, "alpha-bmc.lab.example.org");
  EXPECT_EQ(alpha.console.sysrq_word, "holdfast!");
  EXPECT_THAT(alpha.never_touch, ElementsAre("0000:3b:00.0"));
  ASSERT_THAT(alpha.devices, SizeIs(2));
  EXPECT_EQ(alpha.devices[1].vendor, 0x144d);
  const Host& beta = inventory.hosts[1];
  EXPECT_EQ(beta.time_scale, 2.5);
  ASSERT_THAT(beta.power, SizeIs(1));
  EXPECT_EQ(beta.power[0].agent, "fence_redfish");
  EXPECT_EQ(beta.power[0].options.at("ssl_insecure"), "1");
  EXPECT_EQ(beta.console.kind, ConsoleAccess::Kind::kTcp);
  EXPECT_EQ(beta.console.port, 7003);
  EXPECT_EQ(beta.devices.at(0).device.bdf, "0000:81:00.0");
  EXPECT_EQ(inventory.leases.folder, "/net/lab/holdfast/leases");
}

TEST(Examples, SerialConsoleAndOwnPowerScript) {
  const Inventory inventory = example("serial-console-and-own-power-script.toml");
  ASSERT_THAT(inventory.hosts, SizeIs(1));
  const Host& board = inventory.hosts[0];
  EXPECT_EQ(board.console.kind, ConsoleAccess::Kind::kSerial);
  EXPECT_TRUE(board.console.device.string().starts_with("/dev/serial/by-id/"));
  ASSERT_THAT(board.power, SizeIs(1));
  EXPECT_THAT(board.power[0].on, ElementsAre((examples() / "relay").string(), "3", "close"));
  EXPECT_EQ(board.devices.at(0).vendor, 0x10ee);
}

TEST(Examples, RootfsPayload) {
  const Inventory inventory = example("rootfs-payload.toml");
  ASSERT_THAT(inventory.hosts, SizeIs(1));
  const Host& gamma = inventory.hosts[0];
  EXPECT_EQ(gamma.payload, Host::Payload::kRootfs);
  EXPECT_EQ(gamma.kernel, "/srv/kernels/7.3-server/bzImage");
  EXPECT_EQ(gamma.next_kernel, "next");
  EXPECT_EQ(gamma.initrd, "/boot/initrd.img-7.3.0-server");
  EXPECT_EQ(gamma.work_dir, "/srv/holdfast");
  EXPECT_EQ(gamma.ssh.host.address, "2001:db8::17");
  EXPECT_EQ(gamma.power.at(0).ipmi.password.file, examples() / "secrets/gamma-bmc");
  EXPECT_THAT(gamma.console.argv, ElementsAre("conserver-client", "-f", "gamma"));
}

TEST(Examples, WithInclude) {
  const Inventory inventory = example("with-include.toml");
  ASSERT_THAT(inventory.hosts, SizeIs(1));
  EXPECT_EQ(inventory.hosts[0].name, "delta");
  EXPECT_EQ(inventory.hosts[0].ssh.host.key, examples() / "site/keys/delta");
  ASSERT_THAT(inventory.vms, SizeIs(1));
  EXPECT_EQ(inventory.vms[0].cpus, 2U);
  EXPECT_THAT(inventory.allowances, SizeIs(2));
}

TEST(Examples, Passthrough) {
  const Inventory inventory = example("passthrough.toml");
  ASSERT_THAT(inventory.vms, SizeIs(1));
  const PassthroughVm& passed = inventory.vms[0].passed;
  EXPECT_TRUE(passed.emulated);
  EXPECT_FALSE(passed.force);
  EXPECT_EQ(passed.hugepage_mib, 2U);
  ASSERT_THAT(passed.devices, SizeIs(3));
  EXPECT_EQ(passed.devices[0].passthrough, "0000:3b:00.0");
  EXPECT_EQ(passed.devices[0].port, 8U);
  EXPECT_EQ(passed.devices[0].rombar, false);
  EXPECT_EQ(passed.devices[1].passthrough, "144d:a808");
  EXPECT_EQ(passed.devices[1].port, 0U);
  EXPECT_EQ(passed.devices[1].rombar, std::nullopt);
  EXPECT_EQ(passed.devices[2].window_mib, 65'536U);
  EXPECT_EQ(passed.devices[2].options.at("x-no-mmap"), "on");
}

/// The keys that the page tells of, and the types that it says they go with ("" where a table has none), by section.
std::map<std::string, std::map<std::string, std::string>> documented() {
  std::map<std::string, std::map<std::string, std::string>> sections;
  const std::string page = *read_file(source_dir() / "lab/README.md");
  std::string section;
  bool typed = false;
  for (const std::string_view line : split(page, '\n')) {
    if (line.starts_with("## ")) {
      const size_t begin = line.find('`') + 1;
      section = line.substr(begin, line.rfind('`') - begin);
    }
    if (line.starts_with("| key |")) typed = line.starts_with("| key | type |");
    if (!line.starts_with("| `")) continue;
    const auto cells = split(line, '|');
    const std::string_view key = trim(cells.at(1));
    std::string types = typed ? std::string(trim(cells.at(2))) : "";
    std::erase(types, ',');
    if (types == "all") types.clear();
    EXPECT_TRUE(sections[section].emplace(key.substr(1, key.size() - 2), types).second) << section << " " << key;
  }
  return sections;
}

TEST(InventoryPage, TellsOfEachKeyThatIsKnownAndOfNoOther) {
  std::map<std::string, std::map<std::string, std::string>> known;
  for (const Section* section : sections::all()) {
    for (const KnownKey& key : section->keys) known[std::string(section->title)][std::string(key.name)] = key.types;
  }
  EXPECT_EQ(documented(), known);
}

/// A text with a few bytes changed, dropped, doubled, or replaced by a piece from elsewhere in it.
std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (size_t times = 1 + below(4); times > 0 && !text.empty(); --times) {
    const size_t at = below(text.size());
    const size_t length = 1 + below(12);
    const std::string piece = text.substr(below(text.size()), length);
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, piece);
        break;
      default:
        text.replace(at, length, piece);
    }
  }
  return text;
}

// The same texts each time: what fails once fails again.
TEST(Examples, BrokenAtRandomAreReadOrRefusedButNeverCrash) {
  constexpr int kTimesEach = 300;
  std::mt19937 random(20260131);
  int refused = 0;
  for (const fs::path& file : all_examples()) {
    const std::string text = *read_file(file);
    for (int time = 0; time < kTimesEach; ++time) {
      const std::string broken = mutated(text, random);
      const auto inventory = parse_inventory(broken, file.string());
      if (inventory) continue;
      ++refused;
      ASSERT_EQ(inventory.error().type(), "harness.usage") << broken;
      // No folder of this tree has a ':' in it, and all files that could be included are in one.
      ASSERT_THAT(inventory.error().what, testing::ContainsRegex("^/[^:]*:[0-9]+:[0-9]+: .")) << broken;
    }
  }
  EXPECT_GT(refused, kTimesEach) << "the texts were hardly broken";
}

}  // namespace
}  // namespace holdfast::lab
