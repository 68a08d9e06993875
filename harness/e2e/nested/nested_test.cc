// Is a device of this computer taken, carried through a live update inside a guest, and given back, whatever happens?
//
// "This computer" is a nested machine (tools/nested-machine): holdfast runs in it, on devices that are PCIe and have an
// IOMMU, and its guest is a guest of a guest. All tests share one, and each must leave every device with its driver.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <memory>

#include "harness/base/text.h"
#include "harness/e2e/nested/nested_machine.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kCard = "0000:01:00.0";
constexpr const char* kDisk = "0000:02:00.0";
constexpr const char* kSibling = "0000:03:00.0";
constexpr const char* kInUse = "0000:03:00.1";

/// One case takes one to two minutes on a quiet computer.
constexpr Millis kRunLimit{2'400'000};

/// With less than 512 MiB, the default, a kernel finds no room for what it is to hand over (KHO's scratch area).
std::string vm(const std::string& name, const std::string& devices) {
  return fmt::format("[[vm]]\nname = \"{}\"\nemulated = false\ntime_scale = 16.0\n{}", name, devices);
}

std::string device(const std::string& bdf, const std::string& role) {
  const std::string traits = R"("msix", "reset", "native-driver")";
  return fmt::format("[[vm.device]]\npassthrough = \"{}\"\nrole = \"{}\"\ntraits = [{}]\n", bdf, role, traits);
}

class Nested : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto machine = NestedMachine::start();
    ASSERT_TRUE(machine) << machine.error().what;
    machine_ = std::make_unique<NestedMachine>(*std::move(machine));
    const std::string card = device(kCard, "e1000e");
    const std::string disk = device(kDisk, "nvme");
    ASSERT_TRUE(machine_->put(vm("inner", card + disk), "/tmp/inner.toml"));
    ASSERT_TRUE(machine_->put(vm("card", card), "/tmp/card.toml"));
    ASSERT_TRUE(machine_->put(vm("busy", device(kInUse, "busy")), "/tmp/busy.toml"));
    ASSERT_TRUE(machine_->put(vm("sibling", device(kSibling, "sibling")), "/tmp/sibling.toml"));
    before_ = state();
    ASSERT_THAT(before_, HasSubstr("0000:01:00.0 e1000e (null)\n0000:02:00.0 nvme (null)\n0000:03:00.0 e1000e (null)\n"
                                   "0000:03:00.1 virtio-pci (null)\n"));
  }
  static void TearDownTestSuite() { machine_.reset(); }

  void SetUp() override { ASSERT_TRUE(machine_) << "there is no nested machine"; }
  void TearDown() override {
    if (!machine_) return;
    EXPECT_EQ(state(), before_);
  }

  /// Every function with driver and override, the records of takings, and what QEMU runs. One command, since each
  /// connection takes seconds; the brackets keep grep from finding itself.
  static std::string state() {
    const Output output = machine_->ssh(
        "cd /sys/bus/pci/devices; for d in *; do l=$(readlink $d/driver); echo $d ${l##*/} $(cat $d/driver_override); "
        "done; ls -I lock ~/.local/state/holdfast/taken 2>/dev/null; grep -al 'qemu[-]system' /proc/[0-9]*/cmdline");
    return output.out + output.err;
  }

  /// `holdfast run` of an inventory in /tmp there.
  static Output run_there(const std::string& lab, const std::string& filter, const std::string& more = {}) {
    return machine_->ssh(
        fmt::format("holdfast run --lab /tmp/{0}.toml --target {0} --filter '{1}' {2}", lab, filter, more), kRunLimit);
  }
  /// The junit.xml of the last run there, brought out.
  std::map<std::string, CaseReport> reports() const {
    const auto brought = machine_->bring("/out/latest", out_.path());
    EXPECT_TRUE(brought) << brought.error().what;
    return read_junit(out_.path() / "junit.xml");
  }

  /// Kills a harness whose guest has the card. In a session of its own, so that nothing else ends it.
  static void kill_a_run() {
    const Output killed = machine_->ssh(
        "setsid holdfast run --lab /tmp/card.toml --target card --filter Addresses.PlainKexecMovesNothing "
        ">/tmp/killed.log 2>&1 </dev/null & run=$!; "
        "until grep -aq 'vfio-pci[,]host' /proc/[0-9]*/cmdline 2>/dev/null; do kill -0 $run || break; sleep 0.2; done; "
        "kill -9 $run || cat /tmp/killed.log; wait; "
        "readlink /sys/bus/pci/devices/0000:01:00.0/driver; cat ~/.local/state/holdfast/taken/*",
        Millis(600'000));
    // Nobody has given it back, and it is known whose it was.
    EXPECT_THAT(killed.out, HasSubstr("/drivers/vfio-pci\n")) << killed.err;
    EXPECT_THAT(killed.out, ContainsRegex("\"driver\": *\"e1000e\""));
  }

  static std::unique_ptr<NestedMachine> machine_;
  static std::string before_;
  const TempDir out_ = *TempDir::create("holdfast-nested-out");
};

std::unique_ptr<NestedMachine> Nested::machine_;
std::string Nested::before_;

std::vector<std::string> names_in(const std::map<std::string, CaseReport>& reports) {
  std::vector<std::string> names;
  for (const auto& [name, report] : reports) names.push_back(name);
  return names;
}

TEST_F(Nested, ListSaysWhatCanBePassedThroughAndWhyNot) {
  const Output list = machine_->ssh("holdfast list devices --local");
  ASSERT_EQ(list.status.code, 0) << list.err;
  EXPECT_THAT(list.out, ContainsRegex("0000:01:00.0 +Ethernet.* e1000e +[0-9]+ .* yes"));
  EXPECT_THAT(list.out, ContainsRegex("0000:02:00.0 +Non-Volatile.* nvme +[0-9]+ .* yes"));
  EXPECT_THAT(list.out, ContainsRegex("0000:03:00.0 .* no: IOMMU group [0-9]+ is shared with 0000:03:00.1"));
  EXPECT_THAT(list.out, ContainsRegex("0000:03:00.1 .* no: eth[0-9] carries the default route"));
  EXPECT_THAT(list.out, ContainsRegex("0000:00:01.0 .* no: .*no device"));
}

TEST_F(Nested, DeviceInUseIsRefusedWithTheReason) {
  for (const char* lab : {"busy", "sibling"}) {
    const Output refused = run_there(lab, "Addresses.PlainKexecMovesNothing");
    EXPECT_EQ(refused.status.code, 4) << lab << refused.out << refused.err;
    for (const auto& [name, report] : reports()) EXPECT_EQ(report.verdict, "skipped") << lab;
    EXPECT_THAT(refused.out + refused.err, HasSubstr("carries the default route")) << lab;
    // Refused before anything is touched: the connection that says so goes through it.
    EXPECT_EQ(state(), before_);
  }
}

TEST_F(Nested, PassedDevicesGoThroughALiveUpdateAndComeBack) {
  const std::string before = machine_->ssh("lspci -xxxx -s 01:00.0; lspci -xxxx -s 02:00.0").out;
  ASSERT_THAT(before, HasSubstr("01:00.0"));
  const Output output = run_there("inner", "Addresses.PlainKexecMovesNothing:Retrieve.DeviceComesBackAndWorks");
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = this->reports();
  EXPECT_THAT(names_in(reports),
              UnorderedElementsAre("Addresses.PlainKexecMovesNothing", "Retrieve.e1000e.DeviceComesBackAndWorks",
                                   "Retrieve.nvme.DeviceComesBackAndWorks"));
  for (const auto& [name, report] : reports) EXPECT_EQ(report.verdict, "passed") << name << ": " << report.message;
  EXPECT_THAT(output.out + output.err, HasSubstr("3 passed, 0 failed, 0 errors, 0 skipped (3 cases)"));
  EXPECT_EQ(machine_->ssh("lspci -xxxx -s 01:00.0; lspci -xxxx -s 02:00.0").out, before);
}

TEST_F(Nested, KilledHarnessLeavesNothingBehindWhenItsDevicesAreReleased) {
  kill_a_run();
  const Output released = machine_->ssh("holdfast lab release card --lab /tmp/card.toml --force", Millis(600'000));
  EXPECT_EQ(released.status.code, 0) << released.out << released.err;
}

TEST_F(Nested, KilledHarnessLeavesNothingBehindWhenItIsStartedAgain) {
  kill_a_run();
  const Output again = run_there("card", "Preserve.ContainerIsRefused");
  EXPECT_EQ(again.status.code, 0) << again.out << again.err;
  EXPECT_THAT(again.out + again.err, HasSubstr("1 passed, 0 failed, 0 errors, 0 skipped (1 case)"));
}

TEST_F(Nested, BrokenKernelIsBlamedAndTheDeviceComesBack) {
  const Output output =
      run_there("card", "Preserve.DeviceKeepsItsAddress",
                "--kernel faults --append liveupdate_fault=oops-preserve --next-append liveupdate_fault=oops-preserve");
  EXPECT_EQ(output.status.code, 1) << output.out << output.err;
  const auto reports = this->reports();
  ASSERT_EQ(names_in(reports), std::vector<std::string>{"Preserve.e1000e.DeviceKeepsItsAddress"}) << output.out;
  EXPECT_EQ(reports.begin()->second.verdict, "failure");
  EXPECT_EQ(reports.begin()->second.type, "kernel.oops") << reports.begin()->second.message;
}

}  // namespace
}  // namespace holdfast::e2e
