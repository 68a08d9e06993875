// Is a lease told whose holder is gone, and one that somebody holds left alone?
#include "lab/lease/left_leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class LeftLeases : public testing::Test {
 protected:
  void write(const std::string& host, const Owner& owner) const {
    const LeaseRecord record{.owner = owner, .purpose = "holdfast run", .token = 7};
    ASSERT_TRUE(write_file_atomic(place(host).lease(), to_json(record)).ok());
  }
  LeasePlace place(const std::string& host) const { return {.folder = dir_.path(), .host = host}; }
  std::vector<Leftover> found() const { return left_leases(dir_.path(), {}, self_); }
  Owner gone() const {
    Owner owner = self_;
    ++owner.start;
    return owner;
  }
  TempDir dir_ = *TempDir::create();
  Owner self_ = *Owner::self();
};

TEST_F(LeftLeases, OfADeadProcessIsFoundAndGivenBack) {
  write("vm@here", gone());
  const auto left = found();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].what, "lease of vm@here");
  EXPECT_THAT(left[0].whose, HasSubstr("holdfast run"));
  EXPECT_TRUE(is_left(place("vm@here"), self_));
  ASSERT_TRUE(left[0].clean(Deadline::after(Millis(1000))).ok());
  EXPECT_FALSE(std::filesystem::exists(place("vm@here").lease()));
}

/// Without it a test kernel that runs there would be taken for another machine.
TEST_F(LeftLeases, OfAHostStaysForWhoeverTakesTheHostOver) {
  write("n01", gone());
  const auto left = found();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_TRUE(is_left(place("n01"), self_));
  EXPECT_FALSE(left[0].clean);
  EXPECT_THAT(left[0].done, HasSubstr("check --clean --lab"));
}

TEST_F(LeftLeases, OfTheLivingAndOfOtherComputersAreLeftAlone) {
  write("n01", self_);
  Owner elsewhere = gone();
  elsewhere.boot_id = "another";
  write("n02", elsewhere);
  ASSERT_TRUE(write_file(place("n03").lease(), "no lease").ok());
  EXPECT_THAT(found(), SizeIs(0));
  EXPECT_FALSE(is_left(place("n01"), self_));
}

TEST_F(LeftLeases, WhatSomebodyTookOverMeanwhileIsHis) {
  write("vm@here", gone());
  const auto left = found();
  write("vm@here", self_);
  ASSERT_TRUE(left.at(0).clean(Deadline::after(Millis(1000))).ok());
  EXPECT_TRUE(std::filesystem::exists(place("vm@here").lease()));
}

}  // namespace
}  // namespace holdfast::lab
