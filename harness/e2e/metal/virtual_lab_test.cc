// Is a virtual lab host what metal is: reached by ssh and IPMI alone, and gone when the lab is?
#include "harness/e2e/metal/virtual_lab.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

using ::testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
  const auto text = read_file(file);
  return text ? *text : std::string();
}

/// One lab for all tests of this suite.
class VirtualLabHost : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto lab = VirtualLab::start();
    ASSERT_TRUE(lab) << lab.error().what;
    lab_ = std::make_unique<VirtualLab>(*std::move(lab));
  }
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override { ASSERT_TRUE(lab_) << "there is no lab"; }
  void TearDown() override {
    if (lab_) lab_->fault({"heal"});
  }

  static std::string boot_id() { return std::string(trim(lab_->ssh("cat /proc/sys/kernel/random/boot_id").out)); }
  /// Waits for the stable system of another boot than `before`.
  static bool comes_back(const std::string& before) {
    return eventually([&] {
      const std::string now = boot_id();
      return !now.empty() && now != before;
    });
  }
  /// Whether a line that is written on the host's console now gets into `file`. ipmitool says nothing of its session
  /// before the console does: its output goes to a file.
  static bool hears(const std::filesystem::path& file, const std::string& word) {
    return eventually([&] {
      lab_->ssh("echo " + word + " >/dev/console");
      return eventually([&] { return text_of(file).find(word) != std::string::npos; }, Millis(2000));
    });
  }
  static std::string power() { return lab_->ipmi({"chassis", "power", "status"}).out; }
  static std::unique_ptr<VirtualLab> lab_;
};
std::unique_ptr<VirtualLab> VirtualLabHost::lab_;

TEST_F(VirtualLabHost, RunsDebianAndHasTheTestDevices) {
  EXPECT_THAT(lab_->ssh("cat /etc/os-release").out, HasSubstr("Debian"));
  EXPECT_THAT(lab_->ssh("cat /proc/1/comm").out, HasSubstr("systemd"));
  const std::string devices = lab_->ssh("lspci -Dn").out;
  for (const char* device : {"0000:01:00.0 0200: 8086:10d3", "0000:03:00.0 0108: 1b36:0010",
                             "0000:05:01.0 00ff: 1234:11e8", "0000:08:00.0 0200: 8086:10d3", "0000:00:12.0"}) {
    EXPECT_THAT(devices, HasSubstr(device));
  }
}

TEST_F(VirtualLabHost, IsSilentWhenPoweredOffAndBackWhenPoweredOn) {
  const std::string before = boot_id();
  EXPECT_TRUE(lab_->ipmi({"chassis", "power", "off"}).status.success());
  EXPECT_THAT(power(), HasSubstr("is off"));
  EXPECT_FALSE(lab_->ssh("true").status.success());
  EXPECT_TRUE(lab_->ipmi({"chassis", "power", "on"}).status.success());
  EXPECT_TRUE(comes_back(before));
}

TEST_F(VirtualLabHost, PowerCycleBringsItBackAndSerialOverLanShowsEachByteOfIt) {
  const std::string before = boot_id();
  const auto console = lab_->host_folder() / "console.log";
  const auto recorded = lab_->folder() / "recorded";
  const Process session = lab_->record(recorded);
  ASSERT_TRUE(hears(recorded, "recording"));
  const size_t mark = text_of(console).size();
  EXPECT_TRUE(lab_->ipmi({"chassis", "power", "cycle"}).status.success());
  ASSERT_TRUE(comes_back(before));
  const auto says = [](const std::filesystem::path& file) {
    return text_of(file).rfind("virtual-metal: the stable system is up") != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return says(recorded); }, Millis(60'000)));
  // What QEMU put out, byte for byte.
  EXPECT_TRUE(eventually([&] { return text_of(recorded).ends_with(text_of(console).substr(mark)); }, Millis(30'000)));
}

TEST_F(VirtualLabHost, ARebootInsideEndsInTheStableSystem) {
  const std::string before = boot_id();
  lab_->ssh("systemctl reboot");
  EXPECT_TRUE(comes_back(before));
}

TEST_F(VirtualLabHost, BmcRefusesOnDemand) {
  lab_->fault({"bmc-refuse", "on"});
  EXPECT_FALSE(lab_->ipmi({"chassis", "power", "off"}).status.success());
  lab_->fault({"bmc-refuse", "off"});
  EXPECT_THAT(power(), HasSubstr("is on"));
}

TEST_F(VirtualLabHost, BmcLiesOnDemand) {
  lab_->fault({"bmc-lie", "on"});
  EXPECT_TRUE(lab_->ipmi({"chassis", "power", "off"}).status.success());
  EXPECT_THAT(power(), HasSubstr("is on"));
}

TEST_F(VirtualLabHost, BmcIsAwayForAsLongAsItIsTold) {
  lab_->fault({"bmc-away", "600"});
  EXPECT_TRUE(eventually([&] { return !lab_->ipmi({"mc", "info"}).status.success(); }));
  lab_->fault({"heal"});
  EXPECT_TRUE(eventually([&] { return lab_->ipmi({"mc", "info"}).status.success(); }));
}

TEST_F(VirtualLabHost, NetworkIsCutAndMendedOnDemand) {
  EXPECT_TRUE(lab_->fault({"network", "down"}).status.success());
  EXPECT_FALSE(lab_->ssh("true").status.success());
  EXPECT_TRUE(lab_->fault({"network", "up"}).status.success());
  EXPECT_TRUE(eventually([&] { return lab_->ssh("true").status.success(); }));
}

TEST_F(VirtualLabHost, SomebodyElseTakesTheConsole) {
  const auto ours = lab_->folder() / "ours";
  const auto theirs = lab_->host_folder() / "thief.log";
  const Process session = lab_->record(ours);
  ASSERT_TRUE(hears(ours, "first-word"));
  const Process thief = lab_->start_fault({"steal-sol", "600"});
  ASSERT_TRUE(hears(theirs, "probe"));
  EXPECT_TRUE(hears(theirs, "second-word"));
  EXPECT_EQ(text_of(ours).find("second-word"), std::string::npos);
}

/// The lines that say something, without what is another in each lab: ports, files, the host's key.
std::string without_what_differs(const std::string& inventory) {
  std::string kept;
  for (const std::string_view line : split(inventory, '\n')) {
    const std::string_view key = trim(line.substr(0, line.find('=')));
    if (line.empty() || line.starts_with('#')) continue;
    if (line == "[leases]" || key == "folder") continue;  // of a lab that is on fixed ports
    const bool differs = key == "port" || key == "key" || key == "host_key" || key == "password";
    kept += differs ? std::string(key) + "\n" : std::string(line) + "\n";
  }
  return kept;
}

TEST_F(VirtualLabHost, IsTheOneOfTheExample) {
  EXPECT_EQ(without_what_differs(text_of(lab_->inventory())),
            without_what_differs(text_of(source_dir() / "lab/examples/virtual-metal.toml")));
}

TEST_F(VirtualLabHost, UnknownFaultIsRefused) { EXPECT_EQ(lab_->fault({"earthquake", "on"}).status.code, 2); }

/// One way in which a lab ends.
struct Ending {
  const char* name;
  const char* victim;  ///< a word in the command line of the process that is killed; empty: the lab is told to stop
};

/// What the kernel must kill with a lab, and what the lab must clear away.
class VirtualLabTeardown : public ::testing::TestWithParam<Ending> {};

TEST_P(VirtualLabTeardown, LeavesNothing) {
  auto lab = VirtualLab::begin();
  ASSERT_TRUE(lab) << lab.error().what;
  const std::string folder = lab->folder().string();
  const std::vector<pid_t> processes = descendants_of(lab->runner());
  // The keepers of lab and host, QEMU, the BMC, the wire.
  ASSERT_GE(processes.size(), 5U);
  const std::string victim = GetParam().victim;
  if (victim.empty()) {
    lab->stop();
  } else {
    for (const pid_t pid : processes_with(folder)) {
      if (text_of(fmt::format("/proc/{}/cmdline", pid)).find(victim) != std::string::npos) ::kill(pid, SIGKILL);
    }
  }
  EXPECT_TRUE(all_gone(processes, Millis(60'000)));
  EXPECT_TRUE(eventually([&] { return processes_with(folder).empty(); }, Millis(60'000)));
  EXPECT_FALSE(std::filesystem::exists(folder + "/metal-1/disk.raw"));
}
INSTANTIATE_TEST_SUITE_P(When, VirtualLabTeardown,
                         ::testing::Values(Ending{"Stopped", ""}, Ending{"RunnerIsKilled", "sleep"},
                                           Ending{"LabKeeperIsKilled", "keep-lab"},
                                           Ending{"HostKeeperIsKilled", "keep-host"}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace holdfast::e2e
