// Is a crash refused whenever anything is missing?
#include "harness/agent/crash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::agent {
namespace {

using testing::HasSubstr;

constexpr CrashConditions kAll{.is_init = true, .loaded_by_us = true, .loaded_now = true, .right_kernel = true};

TEST(MayCrash, WhenEverythingWasPrepared) { EXPECT_TRUE(may_crash(kAll)); }

TEST(MayCrash, NotWhenAnythingIsMissing) {
  struct Row {
    bool CrashConditions::* missing;
    const char* said;
  };
  for (const Row& row :
       {Row{&CrashConditions::is_init, "init"}, Row{&CrashConditions::loaded_by_us, "crash_load"},
        Row{&CrashConditions::loaded_now, "any more"}, Row{&CrashConditions::right_kernel, "boot id"}}) {
    CrashConditions conditions = kAll;
    conditions.*row.missing = false;
    const auto answer = may_crash(conditions);
    ASSERT_FALSE(answer) << row.said;
    EXPECT_THAT(answer.error().what, HasSubstr(row.said));
  }
}

}  // namespace
}  // namespace holdfast::agent
