// Do the words of `holdfast lab` say what is, and leave alone what is somebody else's?
#include "lab/lab_verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/lease/marks.h"

namespace holdfast::lab {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class FakePower : public Power {
 public:
  explicit FakePower(std::vector<std::string>& calls) : calls_(calls) {}
  Result<void> on(const Deadline& /*deadline*/) override {
    calls_.emplace_back("on");
    return {};
  }
  Result<void> off(const Deadline& /*deadline*/) override {
    calls_.emplace_back("off");
    return {};
  }
  Result<State> state(const Deadline& /*deadline*/) override {
    return !calls_.empty() && calls_.back() == "off" ? State::kOff : State::kOn;
  }

 private:
  std::vector<std::string>& calls_;
};

class LabVerbs : public testing::Test {
 protected:
  static Deadline soon() { return Deadline::after(Millis(30'000)); }
  Result<Lease> take(LeaseRequest request = {.purpose = "holdfast run", .run_dir = "/runs/7"}) {
    return Lease::take(lab_.place("metal-1"), request, lab_.timing, soon());
  }
  HostStatus status() { return lab_status({host_}, lab_, {}, soon()).at(0); }
  void reserve_as_another() {
    const auto now = lab_.timing.clock.wall();
    const Reservation other{.user = "bob!", .host = "ctl-9", .why = "mine", .since = now, .until = now + hours(1)};
    ASSERT_TRUE(write_file(lab_.place("metal-1").reservation(), to_json(other)));
  }
  Result<std::string> power(const std::string& word, bool force = false) {
    return switch_power(host_, lab_, {.word = word, .force = force, .pause = Millis(1)}, open_power_, soon());
  }

  TempDir dir_ = *TempDir::create();
  Host host_{.name = "metal-1", .ssh = {}};
  Lab lab_{.leases = dir_.path()};
  std::vector<std::string> calls_;
  OpenPower open_power_ = [this](const Host& /*host*/) {
    return Result<std::unique_ptr<Power>>(std::make_unique<FakePower>(calls_));
  };
};

TEST_F(LabVerbs, StatusTellsWhoHasWhat) {
  EXPECT_EQ(status().state, "free");
  ASSERT_TRUE(reserve(lab_.place("metal-1"), "debugging", hours(2), lab_.timing, soon()));
  EXPECT_EQ(status().state, "reserved");
  ASSERT_TRUE(set_quarantine(lab_.place("metal-1"), {.why = "dead", .run = "r", .rung = "reset"}, lab_.timing.clock));
  EXPECT_EQ(status().state, "quarantined");
  const auto lease = take();
  ASSERT_TRUE(lease);
  const HostStatus all = status();
  EXPECT_EQ(all.state, "held");
  EXPECT_THAT(all.details, ElementsAre(HasSubstr("holdfast run in /runs/7, pid "), StartsWith("in quarantine since "),
                                       HasSubstr("(debugging) since ")));
}

TEST_F(LabVerbs, StatusShowsPowerOnlyWhenAsked) {
  EXPECT_THAT(to_rows(lab_status({host_}, lab_, {}, soon())),
              ElementsAre(ElementsAre("HOST", "STATE", "DETAILS"), ElementsAre("metal-1", "free", "")));
  EXPECT_THAT(to_rows(lab_status({host_}, lab_, open_power_, soon())).at(1), ElementsAre("metal-1", "free", "on", ""));
  const OpenPower broken = [](const Host& /*host*/) {
    return Result<std::unique_ptr<Power>>(lab_error("bmc", "the BMC is away"));
  };
  EXPECT_EQ(lab_status({host_}, lab_, broken, soon()).at(0).power, "the BMC is away");
}

TEST_F(LabVerbs, StatusOfAHostWhoseFilesCannotBeReadIsUnknown) {
  ASSERT_TRUE(write_file(lab_.place("metal-1").reservation(), "{"));
  EXPECT_EQ(status().state, "unknown");
}

TEST_F(LabVerbs, StatusOfAVirtualMachineTellsWhatARunThatWasKilledHasLeft) {
  const VirtualMachine vm{.name = "pass", .passed = {.devices = {{.passthrough = "8086:10d3"}}}};
  const TakenFunction card{.bdf = "0000:03:00.0", .driver = "e1000e", .driver_override = {}, .config = {}};
  Taking taking{.file = {}, .owner = *Owner::self(), .functions = {card}};
  EXPECT_EQ(vm_status(vm, lab_, {taking}).state, "free");  // of a run that goes on
  taking.owner.start += 1;
  const HostStatus left = vm_status(vm, lab_, {taking});
  EXPECT_EQ(left.host, "pass");
  EXPECT_EQ(left.state, "stale");
  EXPECT_THAT(left.details, ElementsAre(StartsWith("0000:03:00.0 is still with vfio-pci, left by process ")));
  EXPECT_THAT(left.details, ElementsAre(HasSubstr("holdfast lab release pass")));
  taking.owner.boot_id = "another";  // the machine has started anew since
  EXPECT_EQ(vm_status(vm, lab_, {taking}).state, "free");
  const auto lease = Lease::take(lab_.place(*lease_name(vm)), {.purpose = "holdfast run"}, lab_.timing, soon());
  ASSERT_TRUE(lease);
  EXPECT_EQ(vm_status(vm, lab_, {}).state, "held");
}

TEST_F(LabVerbs, ReleaseTakesNothingFromOthersWithoutForce) {
  auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_EQ(release_host("metal-1", lab_, {}, soon()).error().type(), "lab.leased");
  EXPECT_TRUE(Lease::check(lease->file(), lease->token()));
  ASSERT_TRUE(lease->release(soon()));
  reserve_as_another();
  EXPECT_EQ(release_host("metal-1", lab_, {}, soon()).error().type(), "lab.leased");
  EXPECT_THAT(*release_host("metal-1", lab_, {.force = true}, soon()), ElementsAre(StartsWith("was reserved by bob!")));
  EXPECT_EQ(status().state, "free");
}

TEST_F(LabVerbs, ReleaseByForceEndsALease) {
  auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_THAT(*release_host("metal-1", lab_, {.force = true}, soon()), ElementsAre(StartsWith("was held by ")));
  EXPECT_FALSE(Lease::check(lease->file(), lease->token()));
}

TEST_F(LabVerbs, ReleaseGivesUpWhatIsOnesOwn) {
  ASSERT_TRUE(reserve(lab_.place("metal-1"), "", hours(2), lab_.timing, soon()));
  EXPECT_THAT(*release_host("metal-1", lab_, {}, soon()), ElementsAre(StartsWith("was reserved by ")));
  EXPECT_EQ(status().state, "free");
  EXPECT_THAT(*release_host("metal-1", lab_, {}, soon()), IsEmpty());
}

TEST_F(LabVerbs, OnlyHealingEndsAQuarantine) {
  ASSERT_TRUE(set_quarantine(lab_.place("metal-1"), {.why = "dead", .run = "r", .rung = "reset"}, lab_.timing.clock));
  EXPECT_THAT(*release_host("metal-1", lab_, {.force = true}, soon()), ElementsAre(HasSubstr("--heal` ends that")));
  EXPECT_EQ(status().state, "quarantined");
  const auto fails = [](const Deadline& /*deadline*/) { return Result<void>(lab_error("unhealthy", "still dead")); };
  EXPECT_EQ(release_host("metal-1", lab_, {.force = false, .heal = fails}, soon()).error().what, "still dead");
  EXPECT_EQ(status().state, "quarantined");
  const auto works = [](const Deadline& /*deadline*/) { return Result<void>(); };
  EXPECT_THAT(*release_host("metal-1", lab_, {.force = false, .heal = works}, soon()), ElementsAre("healthy"));
  EXPECT_EQ(status().state, "free");
}

TEST_F(LabVerbs, PowerIsSwitchedUnderALease) {
  EXPECT_EQ(*power("state"), "on");
  EXPECT_EQ(*power("off"), "off");
  EXPECT_EQ(*power("on"), "on");
  EXPECT_EQ(*power("cycle"), "on");
  EXPECT_THAT(calls_, ElementsAre("off", "on", "off", "on"));
  EXPECT_EQ(status().state, "free") << "given back";
  EXPECT_THAT(power("offf").error().hint, HasSubstr("'off'"));
}

TEST_F(LabVerbs, PowerOfAHostThatIsHeldIsLeftAloneWithoutForce) {
  const auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_EQ(power("off").error().type(), "lab.leased");
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(*power("state"), "on") << "looking harms nobody";
  EXPECT_EQ(*power("off", /*force=*/true), "off");
  EXPECT_FALSE(lease->lost().requested());
}

TEST_F(LabVerbs, FindsTheRecorderOfTheConsole) {
  EXPECT_EQ(*recorder_of("metal-1", lab_), std::nullopt);
  auto lease = take();
  ASSERT_TRUE(lease);
  EXPECT_EQ(recorder_of("metal-1", lab_).error().type(), "lab.leased");
  ASSERT_TRUE(lease->tell_console("/run/x/console", soon()));
  EXPECT_EQ(*recorder_of("metal-1", lab_), "/run/x/console");
}

TEST_F(LabVerbs, TheUsersOwnFolderIsMadeAndASharedOneIsNot) {
  Leases leases{.folder = dir_.path() / "own/leases"};
  const auto own = open_lab(leases);
  ASSERT_TRUE(own);
  EXPECT_TRUE(std::filesystem::is_directory(own->leases));
  EXPECT_EQ(own->timing.beat, seconds(10));
  EXPECT_EQ(own->timing.expiry, seconds(60));
  leases.folder = dir_.path() / "not-mounted";
  leases.folder_named = true;
  const auto shared = open_lab(leases);
  ASSERT_TRUE(shared);
  EXPECT_FALSE(std::filesystem::exists(shared->leases));
  const auto lease = Lease::take(shared->place("metal-1"), {}, shared->timing, soon());
  EXPECT_EQ(lease.error().type(), "lab.lease-folder");
}

TEST(ParseSpan, ReadsNumbersWithUnits) {
  EXPECT_EQ(*parse_span("2h"), seconds(7200));
  EXPECT_EQ(*parse_span("90m"), seconds(5400));
  EXPECT_EQ(*parse_span("45s"), seconds(45));
  EXPECT_EQ(*parse_span("3d"), seconds(259'200));
  for (const char* wrong : {"", "h", "2", "0h", "-1h", "2 h", "2w", "400d", "99999999999999999999h"}) {
    EXPECT_FALSE(parse_span(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::lab
