// Is a host taken only when it may be, looked at before each case, and never left taken or ill without a word?
#include "lab/metal/host_custody.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <deque>

#include "lab/lease/marks.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// What a fake host is asked for and answers; outlives the care that the custody owns.
struct FakeHost {
  std::vector<std::string> calls;
  std::deque<bool> well;           ///< answers to looks, in order; then always well
  std::string kind = "unhealthy";  ///< what is wrong when it is not well
  bool heals = true;
  bool has_console = true;
  std::function<void()> on_look = [] {};
  HostFiles places;

  Result<void> look(const std::string& how) {
    calls.push_back(how);
    on_look();
    const bool answer = well.empty() || well.front();
    if (!well.empty()) well.pop_front();
    return answer ? Result<void>() : Result<void>(lab_error(kind, "ssh is silent"));
  }
};

class FakeCare : public HostCare {
 public:
  explicit FakeCare(FakeHost& host) : host_(host) {}
  Result<void> record(const HostFiles& places) override {
    host_.places = places;
    host_.calls.emplace_back("record");
    return host_.has_console ? Result<void>() : Result<void>(cannot("it has no console"));
  }
  void stop_recording() override { host_.calls.emplace_back("stop"); }
  Result<void> come_home(const Deadline& /*deadline*/) override { return host_.look("home"); }
  Result<void> examine(const Deadline& /*deadline*/) override { return host_.look("examine"); }
  Result<void> heal(const Error& why, const Healthy& healthy, const Stop& /*lost*/, const Deadline& deadline) override {
    host_.calls.emplace_back("heal");
    if (!host_.heals) return why;
    return healthy(deadline);
  }
  std::string last_rung() const override { return "power cycle"; }

 private:
  FakeHost& host_;
};

class Events : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* note = std::get_if<Note>(&event)) notes.push_back(note->text);
    if (const auto* one = std::get_if<Recovery>(&event)) recoveries.push_back(one->rung);
  }
  std::vector<std::string> notes;
  std::vector<std::string> recoveries;
};

class HostIsKept : public testing::Test {
 protected:
  HostIsKept() { make(false); }
  void make(bool heals_quarantine) {
    custody_ = *HostCustody::create(
        {.place = place_, .timing = timing_, .run_dir = dir_.path() / "run", .heals_quarantine = heals_quarantine},
        std::make_unique<FakeCare>(host_), events_);
  }
  static Deadline soon() { return Deadline::after(Millis(60'000)); }
  bool is_free() const { return !std::filesystem::exists(place_.lease()); }

  TempDir dir_ = *TempDir::create();
  LeasePlace place_{.folder = dir_.path(), .host = "metal-1"};
  LeaseTiming timing_{.beat = Millis(20), .expiry = Millis(60'000)};
  FakeHost host_;
  Events events_;
  std::unique_ptr<HostCustody> custody_;
};

TEST_F(HostIsKept, IsExaminedFirstAndLastAndComesHomeBetween) {
  ASSERT_TRUE(custody_->take(soon()));
  EXPECT_FALSE(is_free());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(custody_->make_ready(soon()));
  ASSERT_TRUE(custody_->give_back(soon()));
  EXPECT_THAT(host_.calls, ElementsAre("record", "examine", "home", "home", "home", "examine", "stop"));
  EXPECT_TRUE(is_free());
  EXPECT_FALSE(*quarantine_of(place_));
  EXPECT_THAT(events_.notes, IsEmpty());
}

TEST_F(HostIsKept, TellsItsCasesWhatTheyNeed) {
  ASSERT_TRUE(custody_->take(soon()));
  const auto argv = custody_->case_argv();
  EXPECT_THAT(argv, ElementsAre("--console-socket", host_.places.socket.string(), "--runtime-dir",
                                host_.places.socket.parent_path().string(), "--lease-file", place_.lease().string(),
                                "--lease-token", "1"));
  EXPECT_TRUE(Lease::check(place_.lease(), 1));
  EXPECT_EQ(read_standing(place_)->lease->console, host_.places.socket);
  EXPECT_LT(host_.places.socket.string().size(), 60U);
  EXPECT_EQ(host_.places.lines, dir_.path() / "run/targets/metal-1/console.log");
  struct stat info{};
  ASSERT_EQ(::stat(argv[3].c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  custody_.reset();
  EXPECT_FALSE(std::filesystem::exists(argv[3]));
  EXPECT_TRUE(is_free()) << "destruction gives back";
  EXPECT_THAT(host_.calls, ElementsAre("record", "stop"));
}

TEST_F(HostIsKept, IsLeftAloneWhenItIsAnotherMachine) {
  host_.kind = "host-key";
  host_.well = {false};
  ASSERT_TRUE(custody_->take(soon()));
  EXPECT_EQ(custody_->make_ready(soon()).error().type(), "lab.host-key");
  EXPECT_THAT(host_.calls, ElementsAre("record", "examine", "stop"));
  EXPECT_TRUE(is_free());
  EXPECT_FALSE(*quarantine_of(place_));
}

TEST_F(HostIsKept, IsHealedOfATestKernelsKeyAfterACase) {
  host_.kind = "host-key";
  host_.well = {true, false};
  ASSERT_TRUE(custody_->take(soon()));
  ASSERT_TRUE(custody_->make_ready(soon()));
  ASSERT_TRUE(custody_->make_ready(soon()));
  EXPECT_THAT(host_.calls, ElementsAre("record", "examine", "home", "heal", "examine"));
}

TEST_F(HostIsKept, DoesWithoutAConsoleAndSaysSo) {
  host_.has_console = false;
  ASSERT_TRUE(custody_->take(soon()));
  EXPECT_THAT(custody_->case_argv(), Not(testing::Contains("--console-socket")));
  EXPECT_THAT(events_.notes, ElementsAre(HasSubstr("it has no console")));
  ASSERT_TRUE(custody_->give_back(soon()));
  EXPECT_THAT(host_.calls, Not(testing::Contains("stop")));
}

TEST_F(HostIsKept, IsHealedAndExaminedAgainWhenACaseLeftItBroken) {
  ASSERT_TRUE(custody_->take(soon()));
  host_.well = {true, false, true};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(custody_->make_ready(soon()));
  EXPECT_THAT(host_.calls, ElementsAre("record", "examine", "home", "heal", "examine", "home"));
}

TEST_F(HostIsKept, IsQuarantinedAndFreeWhenNothingHelps) {
  ASSERT_TRUE(custody_->take(soon()));
  host_.well = {false};
  host_.heals = false;
  const auto ready = custody_->make_ready(soon());
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().type(), "lab.quarantined");
  EXPECT_THAT(ready.error().hint, HasSubstr("holdfast lab release metal-1 --heal"));
  const auto quarantine = *quarantine_of(place_);
  ASSERT_TRUE(quarantine);
  EXPECT_EQ(quarantine->why, "ssh is silent");
  EXPECT_EQ(quarantine->rung, "power cycle");
  EXPECT_TRUE(is_free());
  EXPECT_THAT(events_.recoveries, ElementsAre("quarantine"));
  EXPECT_FALSE(custody_->make_ready(soon())) << "it is out of the run";
}

TEST_F(HostIsKept, AQuarantinedHostIsNotTakenButToHealIt) {
  ASSERT_TRUE(set_quarantine(place_, {.why = "dead", .run = "r", .rung = "reset"}, timing_.clock));
  EXPECT_EQ(custody_->take(soon()).error().type(), "lab.quarantined");
  EXPECT_TRUE(is_free());
  EXPECT_THAT(host_.calls, IsEmpty());
  make(/*heals_quarantine=*/true);
  ASSERT_TRUE(custody_->take(soon()));
  host_.well = {false, false};
  EXPECT_FALSE(custody_->give_back(soon()));
  EXPECT_TRUE(*quarantine_of(place_)) << "it is as ill as before";
  make(/*heals_quarantine=*/true);
  ASSERT_TRUE(custody_->take(soon()));
  ASSERT_TRUE(custody_->give_back(soon()));
  EXPECT_FALSE(*quarantine_of(place_));
}

TEST_F(HostIsKept, IsNotTakenFromAnother) {
  const auto other = Lease::take(place_, {.purpose = "other"}, timing_, soon());
  ASSERT_TRUE(other);
  EXPECT_EQ(custody_->take(soon()).error().type(), "lab.leased");
  custody_.reset();
  EXPECT_TRUE(Lease::check(place_.lease(), other->token()));
}

TEST_F(HostIsKept, IsLeftAloneWithoutANoteWhenTheLeaseIsLost) {
  ASSERT_TRUE(custody_->take(soon()));
  host_.well = {false};
  host_.on_look = [this] {  // somebody takes it by force while we look
    ASSERT_TRUE(clear_lease(place_));
    ASSERT_EQ(wait_until(Deadline::after(Millis(20'000), &custody_->lost())), Wake::kStopped);
  };
  EXPECT_EQ(custody_->make_ready(soon()).error().type(), "lab.lease-lost");
  EXPECT_THAT(host_.calls, ElementsAre("record", "examine")) << "no healing of somebody else's host";
  EXPECT_FALSE(*quarantine_of(place_));
  EXPECT_EQ(custody_->give_back(soon()).error().type(), "lab.lease-lost");
}

TEST_F(HostIsKept, AStopQuarantinesNothing) {
  class Stopped : public FakeCare {
   public:
    using FakeCare::FakeCare;
    Result<void> examine(const Deadline& /*deadline*/) override { return wait_error(Wake::kStopped, "ssh"); }
  };
  custody_ = *HostCustody::create({.place = place_, .timing = timing_, .run_dir = dir_.path() / "run"},
                                  std::make_unique<Stopped>(host_), events_);
  ASSERT_TRUE(custody_->take(soon()));
  EXPECT_EQ(custody_->make_ready(soon()).error().type(), "harness.stopped");
  EXPECT_EQ(custody_->give_back(soon()).error().type(), "harness.stopped");
  EXPECT_FALSE(*quarantine_of(place_));
  EXPECT_TRUE(is_free());
}

TEST_F(HostIsKept, TooLittleTimeToGiveItBackQuarantinesNothing) {
  ASSERT_TRUE(custody_->take(soon()));
  host_.well = {false};
  host_.heals = false;
  EXPECT_FALSE(custody_->give_back(Deadline::after(Millis(0))));
  EXPECT_FALSE(*quarantine_of(place_));
  EXPECT_TRUE(is_free());
}

}  // namespace
}  // namespace holdfast::lab
