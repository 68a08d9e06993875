// In which order do the cases of a plan begin?
#include "harness/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;

class LongestFirst : public testing::Test {
 protected:
  void plan(const std::string& target, const std::string& device, const CaseInfo& info, std::string skip_reason = {}) {
    plan_.cases.push_back({.target = target,
                           .info = &info,
                           .id = {"Suite", "Case", device},
                           .devices = {},
                           .skip_reason = std::move(skip_reason)});
  }
  void took(const std::string& target, const std::string& device, int seconds) {
    before_[{target, CaseId{"Suite", "Case", device}.key()}] = std::chrono::seconds(seconds);
  }
  std::vector<std::string> order(int slots) const {
    const TargetProfile vm{.name = "vm", .devices = {}, .traits = {}, .slots = slots};
    std::vector<std::string> devices;
    for (const PlannedCase* one : longest_first(plan_, {vm}, before_)) devices.push_back(one->id.device);
    return devices;
  }
  static CaseInfo limited_to(int seconds) {
    CaseInfo info;
    info.needs.timeout = std::chrono::seconds(seconds);
    return info;
  }

  const CaseInfo short_ = limited_to(60);
  const CaseInfo long_ = limited_to(300);
  Plan plan_;
  TimesBefore before_;
};

TEST_F(LongestFirst, GoesByWhatCasesTookBefore) {
  for (const char* device : {"a", "b", "c"}) plan("vm", device, short_);
  took("vm", "a", 2);
  took("vm", "b", 9);
  took("vm", "c", 5);
  EXPECT_THAT(order(2), ElementsAre("b", "c", "a"));
}

TEST_F(LongestFirst, PutsWhatNobodyHasRunBeforeInFrontByItsTimeout) {
  plan("vm", "known", long_);
  plan("vm", "new", short_);
  plan("vm", "new-and-long", long_);
  took("vm", "known", 200);
  EXPECT_THAT(order(2), ElementsAre("new-and-long", "new", "known"));
}

TEST_F(LongestFirst, KeepsThePlansOrderAmongEquals) {
  for (const char* device : {"a", "b", "c"}) plan("vm", device, short_);
  EXPECT_THAT(order(2), ElementsAre("a", "b", "c"));
}

TEST_F(LongestFirst, KeepsThePlansOrderWhereCasesRunOneByOne) {
  for (const char* device : {"a", "b"}) plan("vm", device, short_);
  took("vm", "b", 9);
  EXPECT_THAT(order(1), ElementsAre("a", "b"));
}

TEST_F(LongestFirst, TakesNoTimeOfAnotherTarget) {
  for (const char* device : {"a", "b"}) plan("vm", device, short_);
  took("vm", "a", 1);
  took("vm", "b", 2);
  took("other", "a", 9);
  EXPECT_THAT(order(2), ElementsAre("b", "a"));
}

TEST_F(LongestFirst, LeavesNothingOut) {
  plan("vm", "skipped", long_, "no such device");
  plan("vm", "runs", short_);
  EXPECT_EQ(order(2).size(), 2U);
}

}  // namespace
}  // namespace holdfast
