// Do cases run on a lab's host as they do on the built-in machine: the same names, the same verdicts?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/e2e/metal/bench_test.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

using ::testing::HasSubstr;

class MetalRun : public Bench {};

std::vector<std::string> names_in(const std::map<std::string, CaseReport>& reports) {
  std::vector<std::string> names;
  for (const auto& [name, report] : reports) names.push_back(name);
  return names;
}

TEST_F(MetalRun, PreservesAndRetrievesUnderTheNamesOfTheBuiltInMachine) {
  const std::string filter = "Preserve.DeviceKeepsItsAddress:Retrieve.DeviceComesBackAndWorks";
  const Output output = program_.run(run_words({}, filter), Millis(900'000));
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = read_junit(program_.junit());
  ASSERT_EQ(reports.size(), 2U) << output.out;
  for (const auto& [name, report] : reports) EXPECT_EQ(report.verdict, "passed") << name << ": " << report.message;

  const Program built_in;
  const Output same = built_in.run({"run", "--filter", filter, "--device", "e1000e"});
  EXPECT_EQ(same.status.code, 0) << same.out << same.err;
  EXPECT_EQ(names_in(reports), names_in(read_junit(built_in.junit())));
}

/// The cases of a plan, "Retrieve.MemoryAndDeviceStayTogether", and what is to become of them.
std::map<std::string, std::string> planned(const Program& program, std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  words.emplace_back("--dry-run");
  const Output plan = program.run(words);
  EXPECT_EQ(plan.status.code, 0) << plan.err;
  std::map<std::string, std::string> cases;
  for (const std::string_view line : split(plan.out, '\n')) {
    const size_t name =
        line.find(' ') == std::string_view::npos ? line.size() : line.find_first_not_of(' ', line.find(' '));
    if (name >= line.size() || line.starts_with("TARGET ")) continue;
    const size_t end = std::min(line.find(' ', name), line.size());
    cases.emplace(line.substr(name, end - name), trim(line.substr(end)));
  }
  return cases;
}

TEST_F(MetalRun, PlansThePreserveAndRetrieveCasesOfTheBuiltInMachine) {
  const std::vector<std::string> filter{"--filter", "Preserve.*:Retrieve.*"};
  auto with_lab = filter;
  with_lab.insert(with_lab.end(), {"--lab", lab_->inventory()});
  for (const char* role : {"e1000e", "nvme", "edu", "e1000e-switch", "testdev"}) {
    with_lab.insert(with_lab.end(), {"--device", role});
  }
  const auto on_metal = planned(program_, with_lab);
  const auto built_in = planned(program_, filter);
  EXPECT_GT(on_metal.size(), 30U);
  for (const auto& [name, plan] : on_metal) EXPECT_TRUE(built_in.contains(name)) << name;
  // What only the built-in machine has is a device that is the host's way out, or needs buses that may move.
  for (const auto& [name, plan] : built_in) {
    if (name.ends_with("/virtio-net")) continue;
    ASSERT_TRUE(on_metal.contains(name)) << name;
    if (name.starts_with("Preserve.DeviceKeepsItsAddressWhenBusesAreRenumbered")) continue;
    EXPECT_EQ(on_metal.at(name), plan) << name;
  }
}

/// Kernel B cannot be kept from giving the card to the driver that the management network needs.
TEST_F(MetalRun, ADeviceWithTheManagementCardsDriverIsNoReasonToCutTheNetwork) {
  const std::string text = *read_file(lab_->inventory()) +
                           "\n[[host.device]]\nrole = \"second-card\"\nbdf = \"0000:0a:00.0\"\n"
                           "traits = [\"msix\", \"native-driver\"]\n";
  const std::filesystem::path inventory = lab_->folder() / "shared-driver.toml";
  ASSERT_TRUE(write_file(inventory, text));
  const Output output = program_.run(
      {"run", "--lab", inventory, "-v", "--filter", "Preserve.DeviceKeepsItsAddress", "--device", "second-card"},
      Millis(900'000));
  constexpr int kAllSkipped = 4;
  EXPECT_EQ(output.status.code, kAllSkipped) << output.out << output.err;
  const CaseReport kept = report_of("Preserve.second-card.DeviceKeepsItsAddress");
  EXPECT_EQ(kept.verdict, "skipped") << output.out;
  EXPECT_THAT(kept.message, HasSubstr("lives by the driver virtio_net"));
}

/// Nothing tells it of them but the host itself.
TEST_F(MetalRun, CheckNamesTheDevicesThatTheHostLivesBy) {
  const Output sound = program_.run({"check", "--lab", lab_->inventory()}, Millis(300'000));
  EXPECT_EQ(sound.status.code, 0) << sound.out << sound.err;
  EXPECT_THAT(sound.out, HasSubstr("needs none of them"));

  std::string text = *read_file(lab_->inventory());
  const std::string_view untouchable = "never_touch = [\"0000:00:1e.0\"]\n";
  ASSERT_NE(text.find(untouchable), std::string::npos);
  text.erase(text.find(untouchable), untouchable.size());
  text += "\n[[host.device]]\nrole = \"way-in\"\nbdf = \"0000:02:00.0\"\n";
  text += "\n[[host.device]]\nrole = \"root-disk\"\nbdf = \"0000:00:1e.0\"\n";
  const std::filesystem::path inventory = lab_->folder() / "needed-devices.toml";
  ASSERT_TRUE(write_file(inventory, text));
  const Output needed = program_.run({"check", "--lab", inventory}, Millis(300'000));
  EXPECT_EQ(needed.status.code, 2) << needed.out << needed.err;
  EXPECT_THAT(needed.out, HasSubstr("way-in: 0000:02:00.0 is the host's network"));
  EXPECT_THAT(needed.out, HasSubstr("root-disk: 0000:00:1e.0 is the host's system disk"));
  EXPECT_THAT(needed.out, HasSubstr("take it out of the inventory, at " + inventory.string()));
}

/// The TOML that the README's section on real hosts shows, block by block.
std::string toml_in_readme() {
  const std::string readme = *read_file(source_dir() / "README.md");
  const size_t from = readme.find("\n## Real hosts\n");
  const size_t to = readme.find("\n### ", from);
  EXPECT_NE(from, std::string::npos);
  std::string toml;
  for (const std::string_view line : split(std::string_view(readme).substr(from, to - from), '\n')) {
    constexpr std::string_view kIndent = "        ";
    if (line.starts_with(kIndent)) toml += fmt::format("{}\n", line.substr(kIndent.size()));
    if (line.empty()) toml += '\n';
  }
  return toml;
}

/// What an inventory has behind the first "key = " after `table`.
std::string value_in(const std::string& inventory, std::string_view table, std::string_view key) {
  const size_t from = inventory.find(fmt::format("{} = ", key), inventory.find(table));
  if (from == std::string::npos) return {};
  const size_t begin = from + key.size() + 3;
  std::string value = inventory.substr(begin, inventory.find('\n', begin) - begin);
  std::erase(value, '"');
  return value;
}

/// Puts this host's own words in the place of the README's.
void put(std::string& text, std::string_view shown, const std::string& ours) {
  ASSERT_NE(text.find(shown), std::string::npos) << "the README no longer shows " << shown;
  for (size_t at = text.find(shown); at != std::string::npos; at = text.find(shown, at + ours.size())) {
    text.replace(at, shown.size(), ours);
  }
}

/// The words of a command line that the README asks for.
std::string consoles_and_iommu(std::string_view command_line) {
  std::string wanted;
  for (const std::string_view word : split(trim(command_line), ' ')) {
    const bool is_wanted = word.starts_with("console=") || word.find("iommu=") != std::string_view::npos;
    if (is_wanted) wanted += (wanted.empty() ? "" : " ") + std::string(word);
  }
  return wanted;
}

/// From an empty file to a green check and a case that passes: only names, ports and the device are this lab's.
TEST_F(MetalRun, TheReadmesSixStepsLeadToAGreenCheckAndARun) {
  const TempDir home = *TempDir::create("holdfast-lab-engineer");
  const std::string ours = *read_file(lab_->inventory());
  const std::string port = value_in(ours, "[host.ssh]", "port");
  const auto shell = [&](const std::string& command) {
    auto output = run({.argv = {"sh", "-ec", command}}, Deadline::after(Millis(120'000)));
    EXPECT_TRUE(output.ok() && output->status.code == 0) << command << "\n"
                                                         << (output ? output->err : output.error().what);
    return output ? std::string(trim(output->out)) : std::string();
  };

  EXPECT_THAT(lab_->ssh("readlink /sys/class/net/*/device/driver").out, HasSubstr("virtio_net"));
  shell(
      fmt::format("install -D -m 600 {} {}/.ssh/lab", (lab_->folder() / "id_ed25519").string(), home.path().string()));
  const std::string scanned = shell(fmt::format("ssh-keyscan -p {} -t ed25519 127.0.0.1 2>/dev/null", port));
  const std::string host_key = scanned.substr(std::min(scanned.find("ssh-ed25519 "), scanned.size()));
  EXPECT_THAT(lab_->ssh("cat /etc/ssh/ssh_host_ed25519_key.pub").out, HasSubstr(host_key));
  const std::string append = consoles_and_iommu(lab_->ssh("cat /proc/cmdline").out);
  EXPECT_THAT(append, HasSubstr("console=ttyS0"));
  shell(fmt::format("install -D -m 600 /dev/stdin {}/.config/holdfast/n07-bmc < {}", home.path().string(),
                    (lab_->host_folder() / "bmc_password").string()));

  std::string toml = toml_in_readme();
  put(toml, "kernel = \"lab\"", "kernel = \"reference\"\ntime_scale = 3.0");
  put(toml, "console=ttyS1,115200 intel_iommu=on", append + " no_timer_check norandmaps");
  put(toml, "address = \"n07.lab.example\"", fmt::format("address = \"127.0.0.1\"\nport = {}", port));
  put(toml, "ssh-ed25519 AAAA...", host_key);
  put(toml, "address = \"n07-bmc.lab.example\"",
      fmt::format("address = \"127.0.0.1\"\nport = {}", value_in(ours, "[[host.power]]", "port")));
  put(toml, "~/", home.path().string() + "/");
  put(toml, "0000:3b:00.0", "0000:01:00.0");
  put(toml, "model = \"e810\"", "model = \"e1000e\"");
  const std::filesystem::path inventory = home.path() / "lab.toml";
  ASSERT_TRUE(write_file(inventory, toml));
  const Output check = program_.run({"check", "--lab", inventory}, Millis(300'000));
  EXPECT_EQ(check.status.code, 0) << toml << check.out << check.err;
  for (const char* look :
       {"answers, the power is on", "shows what the host writes to it", "offers vfio-pci live update"})
    EXPECT_THAT(check.out, HasSubstr(look));
  const Output passed = program_.run({"run", "--lab", inventory, "--filter", kHit}, Millis(900'000));
  EXPECT_EQ(passed.status.code, 0) << passed.out << passed.err;
  EXPECT_EQ(report_of(kHitReport).verdict, "passed");
}

/// Debian's systemd runs in both kernels, and the agent in a scope of its own.
TEST_F(MetalRun, APreserveCasePassesInTheHostsOwnRootFileSystem) {
  ASSERT_THAT(program_.run({"list", "kernels"}).out, HasSubstr("\nrootfs "))
      << "holdfast kernel build --config fixtures/kernel/rootfs.config --name rootfs";
  std::string text = *read_file(lab_->inventory());
  const std::string_view payload = "payload = \"initramfs\"\n";
  ASSERT_NE(text.find(payload), std::string::npos);
  text.replace(text.find(payload), payload.size(), "payload = \"rootfs\"\nkernel = \"rootfs\"\n");
  const std::filesystem::path inventory = lab_->folder() / "rootfs.toml";
  ASSERT_TRUE(write_file(inventory, text));
  const Output output = program_.run(
      {"run", "--lab", inventory, "-v", "--filter", "Preserve.DeviceKeepsItsAddress", "--device", "e1000e"},
      Millis(900'000));
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const CaseReport kept = report_of("Preserve.e1000e.DeviceKeepsItsAddress");
  EXPECT_EQ(kept.verdict, "passed") << kept.message << "\n" << output.out;
}

TEST_F(MetalRun, WhatIsHeldIsNotTouchedBySomebodyElse) {
  Process first = program_.start(run_words({}, kNext));
  ASSERT_TRUE(comes_to(kNext, "snapshot"));
  EXPECT_EQ(state(), "held");
  const Program other;
  const Output refused = other.run(run_words({}, kNext));
  EXPECT_EQ(refused.status.code, 2) << refused.out;
  const auto reports = read_junit(other.junit());
  ASSERT_EQ(reports.size(), 1U) << refused.out << refused.err;
  EXPECT_EQ(reports.begin()->second.type, "lab.leased") << reports.begin()->second.message;
  EXPECT_THAT(reports.begin()->second.message, HasSubstr("pid " + std::to_string(first.pid())));
  EXPECT_EQ(end_of(first), 0) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed");
}

}  // namespace
}  // namespace holdfast::e2e
