// Is each finding given to its kernel and phase, a restart told from a kexec, and a known warning recognised?
#include "harness/crash/whereabouts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "harness/base/file.h"
#include "harness/crash/allowance.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::string console(const std::string& name) {
  const auto text = read_file(source_dir() / "fixtures" / "consoles" / name);
  EXPECT_TRUE(text) << name;
  return text ? *text : "";
}

std::vector<std::string> kinds(std::string_view log) {
  std::vector<std::string> result;
  for (const CrashFinding& f : find_crashes(log)) result.push_back(f.kind);
  return result;
}

std::vector<std::string> places(const std::string& log, std::vector<LogMark> marks) {
  std::vector<std::string> result;
  for (const CrashFinding& f : find_crashes(log, std::move(marks))) {
    result.push_back(fmt::format("{} {} {} {}", f.kind, kernel_name(f.kernel), f.phase, f.time));
  }
  return result;
}

TEST(Whereabouts, SaysWhichKernelAndWhichPhase) {
  const std::string log = console("written-kexec-chain.log");
  const auto at = [&](std::string_view text) { return log.find(text); };
  const std::vector<LogMark> marks{{0, "boot", LogMark::Start::kPowerOn, 0, 0},
                                   {at("[    3.100000]"), "bind", LogMark::Start::kNone, 0, 0},
                                   {at("[    4.200000]"), "kexec", LogMark::Start::kKexec, 0, 0},
                                   {at("[    4.300000]"), "wait", LogMark::Start::kNone, 0, 0},
                                   {at("[    2.500000]"), "retrieve", LogMark::Start::kNone, 1, 0}};
  EXPECT_THAT(places(log, marks), ElementsAre("warn A bind 3.100000", "warn A kexec 4.200000", "warn B wait 0.410000",
                                              "warn B retrieve 2.500000"));
}

TEST(Whereabouts, KnowsTheNextKernelByItsClockWhenItsBannerIsNotShown) {
  std::string log = console("written-kexec-chain.log");
  const size_t banner = log.rfind("[    0.000000] Linux version");
  log.erase(banner, log.find('\n', banner) + 1 - banner);
  const size_t kexec = log.find("[    4.200000]");
  EXPECT_THAT(
      places(log, {{0, "boot", LogMark::Start::kPowerOn, 0, 0}, {kexec, "kexec", LogMark::Start::kKexec, 0, 0}}),
      ElementsAre("warn A boot 3.100000", "warn A kexec 4.200000", "warn B kexec 0.410000", "warn B kexec 2.500000"));
}

TEST(Whereabouts, KnowsTheNextKernelByItsClockWhenTheOldOneSaidNothing) {
  const std::string log = "[    2.500000] Kernel panic - not syncing: demo\n";
  const auto panic_at = [&](double uptime) {
    return find_crashes(log,
                        {{0, "boot", LogMark::Start::kPowerOn, 0, 0}, {0, "wait", LogMark::Start::kKexec, 0, uptime}})
        .front()
        .kernel;
  };
  EXPECT_EQ(panic_at(9.5), 1);
  EXPECT_EQ(panic_at(2.4), 0);
}

TEST(Whereabouts, KnowsTheNextKernelOfAYoungOneByTheTimeSinceItWasToLeave) {
  const std::string log = "[    1.400000] Kernel panic - not syncing: demo\n";
  const auto panic_after = [&](std::optional<double> seconds) {
    const LogMark kexec{0, "kexec", LogMark::Start::kKexec, 0, 1.5, [=](size_t) { return seconds; }};
    return find_crashes(log, {{0, "boot", LogMark::Start::kPowerOn, 0, 0}, kexec}).front().kernel;
  };
  EXPECT_EQ(panic_after(1.6), 1);
  EXPECT_EQ(panic_after(0.1), 0) << "no kernel that began since then is 1.4 s old";
  EXPECT_EQ(panic_after(std::nullopt), 0);
}

TEST(Whereabouts, TakesTheBannerOfAKexecForOneOnlyWhereOneWasAskedFor) {
  const std::string log = console("written-kexec-chain.log");
  EXPECT_THAT(kinds(log), ElementsAre("warn", "warn", "reset", "warn", "warn"));
  EXPECT_THAT(places(log, {{0, "boot", LogMark::Start::kPowerOn, 0, 0},
                           {log.find("[    4.200000]"), "kexec", LogMark::Start::kKexec, 0, 0}}),
              testing::Each(StartsWith("warn")));
  // One kexec accounts for one banner: a kernel B that starts twice was reset.
  const size_t banner = log.rfind("[    0.000000] Linux version");
  const std::string twice = log + log.substr(banner, log.find('\n', banner) + 1 - banner) + "[    0.400001] up again\n";
  EXPECT_THAT(places(twice, {{0, "boot", LogMark::Start::kPowerOn, 0, 0},
                             {log.find("[    4.200000]"), "kexec", LogMark::Start::kKexec, 0, 0}}),
              testing::Contains("reset B kexec 0.000000"));
}

TEST(Whereabouts, TakesASecondPowerOnForNothing) {
  const std::string once = "SeaBIOS (version 1.16.2)\n[    0.000000] Linux version 7.3\n[    0.500000] up\n";
  EXPECT_THAT(kinds(once + once), ElementsAre("firmware"));
  EXPECT_THAT(places(once + once, {{0, "boot", LogMark::Start::kPowerOn, 0, 0},
                                   {once.size(), "boot", LogMark::Start::kPowerOn, 0, 0}}),
              IsEmpty());
}

TEST(Whereabouts, ExplainsABannerByThePanicBeforeIt) {
  const std::string boot = "[    0.000000] Linux version 7.3\n[    0.500000] up\n";
  EXPECT_THAT(kinds(boot + boot.substr(0, 34) + "[    0.600000] up\n"), ElementsAre("reset"));
  EXPECT_THAT(kinds(boot + "[    1.000000] Kernel panic - not syncing: demo\n" + boot), ElementsAre("panic"));
}

TEST(KernelName, CountsKexecs) {
  EXPECT_EQ(kernel_name(0), "A");
  EXPECT_EQ(kernel_name(1), "B");
  EXPECT_EQ(kernel_name(3), "B, after 3 kexecs");
}

TEST(Allowance, MatchesTheKindAndAPartOfTheTitle) {
  CrashFinding finding;
  finding.kind = "warn";
  finding.title = "WARNING: drivers/foo.c:12 at foo_bar+0x12/0x40, CPU#0: init/1";
  const auto allowed = [&](const std::string& title, const std::string& kind = "warn") {
    return allows({.kind = kind, .title = title, .reason = "known", .source = ""}, finding);
  };
  EXPECT_TRUE(allowed("WARNING: drivers/foo.c:12 at foo_bar*"));
  EXPECT_TRUE(allowed("foo.c:* at foo_bar+"));
  EXPECT_TRUE(allowed("foo_bar"));
  EXPECT_FALSE(allowed("foo_baz"));
  EXPECT_FALSE(allowed("foo_bar", "lockdep"));
}

}  // namespace
}  // namespace holdfast
