// Does a run have its devices from before its first case until after its last?
#include "lab/passthrough/passthrough_custody.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "lab/passthrough/fake_kernel_test.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(20'000)); }

/// What was told, warnings with a '!' in front.
class Told : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* note = std::get_if<Note>(&event)) {
      lines.push_back((note->level == Note::Level::kWarning ? "!" : "") + note->text);
    }
  }
  std::vector<std::string> lines;
};

class PassthroughCustodyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fake::make_machine("desktop-without-acs", folder_.path() / "machine"));
    kernel_ = std::make_unique<FakeKernel>(folder_.path() / "machine");
  }
  TakingPlace place(const Owner& who) {
    return {.writer = *kernel_, .folder = folder_.path() / "taken", .self = who, .root = folder_.path() / "machine"};
  }
  LeasePlace lease_place() { return {.folder = folder_.path(), .host = "pass@ctl"}; }
  std::unique_ptr<Custody> custody() {
    auto made = make_passthrough_custody({.name = "pass",
                                          .vm = vm_,
                                          .place = place(*Owner::self()),
                                          .lease = lease_place(),
                                          .run_dir = folder_.path() / "run"},
                                         told_);
    EXPECT_TRUE(made);
    return *std::move(made);
  }

  TempDir folder_ = *TempDir::create("custody");
  std::unique_ptr<FakeKernel> kernel_;
  PassthroughVm vm_{.devices = {{.passthrough = "8086:10d3", .port = 9}}};
  Told told_;
};

TEST_F(PassthroughCustodyTest, TakesSettlesAndGivesBack) {
  const auto custody = this->custody();
  EXPECT_FALSE(custody->make_ready(soon()));
  ASSERT_TRUE(custody->take(soon()));
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "vfio-pci");
  EXPECT_THAT(custody->case_argv(), ElementsAre("--passed", "0000:03:00.0"));
  EXPECT_TRUE(custody->make_ready(soon()));
  ASSERT_TRUE(custody->give_back(soon()));
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
  EXPECT_THAT(told_.lines, ElementsAre("pass: 0000:03:00.0 has been taken from this machine",
                                       "pass: 0000:03:00.0 given back, with the config space that it had"));
}

TEST_F(PassthroughCustodyTest, GivesBackWhenItEnds) {
  {
    const auto custody = this->custody();
    ASSERT_TRUE(custody->take(soon()));
  }
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
}

TEST_F(PassthroughCustodyTest, TellsWhatOfConfigSpaceIsNotAsItWas) {
  const auto custody = this->custody();
  ASSERT_TRUE(custody->take(soon()));
  kernel_->spoils = {{"0000:03:00.0", "\x20"}};
  ASSERT_TRUE(custody->give_back(soon()));
  ASSERT_EQ(told_.lines.size(), 2U);
  EXPECT_THAT(told_.lines[1],
              HasSubstr("pass: 0000:03:00.0 given back, but config space is not all as before, at 1 place: "));
  EXPECT_THAT(*read_file(folder_.path() / "run/targets/pass/given-back.diff"), HasSubstr("0000:03:00.0"));
}

TEST_F(PassthroughCustodyTest, IsLeasedFromItsTakingToItsGivingBack) {
  const auto first = this->custody();
  ASSERT_TRUE(first->take(soon()));
  EXPECT_FALSE(first->lost().requested());
  const auto second = this->custody();
  const auto refused = second->take(soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.leased");
  ASSERT_TRUE(first->give_back(soon()));
  EXPECT_TRUE(second->take(soon()));
}

TEST_F(PassthroughCustodyTest, IsToldThatTheLeaseIsLostAndGivesBackAtItsEnd) {
  {
    const auto custody = this->custody();
    ASSERT_TRUE(custody->take(soon()));
    ASSERT_TRUE(clear_lease(lease_place()));
    pollfd lost{.fd = custody->lost().fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&lost, 1, 20'000), 1) << "nobody noticed";
  }
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
}

TEST_F(PassthroughCustodyTest, LeavesNoLeaseBehindWhenADeviceIsRefusedAndSaysWhatHelps) {
  vm_.devices = {{.passthrough = "0000:00:1f.6"}};
  const auto refused = custody()->take(soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "plan.cannot");
  EXPECT_THAT(refused.error().what, HasSubstr("carries the default route"));
  EXPECT_THAT(refused.error().what, HasSubstr("--force takes it all the same"));
  EXPECT_EQ(kernel_->writes, 0);
  EXPECT_EQ(read_standing(lease_place())->lease_text, "");
}

TEST_F(PassthroughCustodyTest, GivesBackFirstWhatARunThatWasKilledHasLeft) {
  Owner dead = *Owner::self();
  dead.start += 1;
  kernel_->dies_after = kernel_->writes + 3;
  fs::path saved = folder_.path() / "at-death";
  kernel_->at_death = [&] { fs::copy(folder_.path() / "taken", saved); };
  static_cast<void>(Taken::take({"0000:03:00.0"}, false, place(dead), soon()).ok());
  kernel_->dies_after = -1;
  kernel_->at_death = nullptr;
  if (fs::exists(saved)) {
    fs::remove_all(folder_.path() / "taken");
    fs::rename(saved, folder_.path() / "taken");
  }
  const auto custody = this->custody();
  ASSERT_TRUE(custody->take(soon()));
  EXPECT_EQ(told_.lines.at(0), "!pass: 0000:03:00.0, left by a run that was killed, was given back first");
  ASSERT_TRUE(custody->give_back(soon()));
  EXPECT_EQ(kernel_->driver_of("0000:03:00.0"), "e1000e");
}

TEST_F(PassthroughCustodyTest, TellsTheCasesWhichDevicesTheIdsMeant) {
  vm_.devices.push_back({.passthrough = "0000:00:02.0"});
  const auto named = with_passed(vm_, "0000:03:00.0,0000:00:02.0");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->devices[0].passthrough, "0000:03:00.0");
  EXPECT_EQ(named->devices[0].port, 9U);
  EXPECT_FALSE(with_passed(vm_, "0000:03:00.0"));
  EXPECT_FALSE(with_passed(vm_, "0000:03:00.0,nonsense"));
}

}  // namespace
}  // namespace holdfast::lab
