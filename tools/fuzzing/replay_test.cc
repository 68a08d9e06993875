// Are the faults that fuzzing found still mended, and does nothing near the real files bring a reader down?
//
// Here with the compiler and the sanitizers of all the other tests; tools/fuzz looks farther, with clang's libFuzzer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"
#include "tools/fuzzing/judge.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// Of each reader's seeds; HOLDFAST_FUZZ_MUTATIONS in the environment asks for another number.
uint64_t mutations() {
  const char* asked = std::getenv("HOLDFAST_FUZZ_MUTATIONS");
  return asked != nullptr ? parse_u64(asked).value_or(150) : 150;
}
/// Of a seed that is mutated: the time of each is that of its bytes.
constexpr size_t kShort = 3000;

class Fuzzed : public ::testing::TestWithParam<Target> {};

TEST_P(Fuzzed, BearsRealFilesAndWhatIsNearThem) {
  const std::vector<std::string> seeds = GetParam().seeds(source_dir());
  for (const std::string& seed : seeds) EXPECT_EQ(complaint_about(GetParam(), seed), "");
  const uint64_t count = mutations() / (seeds.front().size() > 2 * kShort ? 16 : 1);
  for (uint64_t number = 0; number < count; ++number) {
    const std::string bytes =
        mutated(seeds[number % seeds.size()].substr(0, kShort), seeds[number / 7 % seeds.size()], number);
    ASSERT_EQ(complaint_about(GetParam(), bytes), "") << "mutation " << number;
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, Fuzzed, ::testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& with) {
                           std::string name(with.param.name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(FuzzedBefore, WhatWasFoundIsMended) {
  size_t looked_at = 0;
  for (const auto& folder : fs::directory_iterator(source_dir() / "tools/fuzzing/regressions")) {
    const Target* target = find_target(folder.path().filename().string());
    ASSERT_NE(target, nullptr) << folder.path();
    for (const std::string& bytes : files_in(folder.path(), "")) {
      EXPECT_EQ(complaint_about(*target, bytes), "") << folder.path();
      ++looked_at;
    }
  }
  EXPECT_GT(looked_at, 0U);
}

/// What is said of the first mutation of a control's seeds that anything is said of.
std::string found_in(const Target& control) {
  const std::vector<std::string> seeds = control.seeds(source_dir());
  for (uint64_t number = 0; number < mutations(); ++number) {
    const auto said = complaint_about(control, mutated(seeds[number % seeds.size()], seeds[0], number));
    if (!said.empty()) return said;
  }
  return "nothing";
}

TEST(FuzzedControl, ACrashIsFound) {
#ifdef __SANITIZE_ADDRESS__
  EXPECT_DEATH(found_in(*find_target("control-crash")), "heap-buffer-overflow");
#else
  GTEST_SKIP() << "nobody watches over memory in this build";
#endif
}

TEST(FuzzedControl, GrowthIsFound) {
#ifdef __SANITIZE_ADDRESS__
  EXPECT_THAT(found_in(*find_target("control-growth")), HasSubstr("kept"));
#else
  GTEST_SKIP() << "nobody counts what is allocated in this build";
#endif
}

TEST(FuzzedControl, ATimeThatIsTooLongIsFound) {
  const Target slow{.name = "slow",
                    .read = [](std::string_view) { wait_until(Deadline::after(Millis(20))); },
                    .seeds = [](const fs::path&) { return std::vector<std::string>(); }};
  EXPECT_THAT(complaint_about(slow, "x", Millis(10)), HasSubstr("it took"));
}

TEST(FuzzedControl, ABrokenPromiseIsFound) {
  const Target promising{.name = "promising",
                         .read = [](std::string_view bytes) { promise(bytes.size() < 8, "short inputs"); },
                         .seeds = [](const fs::path&) { return std::vector<std::string>{"1234567"}; }};
  EXPECT_DEATH(found_in(promising), "broken promise: short inputs");
}

TEST(FuzzedControl, SeedsThatAreGoneAreMissed) {
  EXPECT_DEATH(files_in(source_dir() / "fixtures/consoles", ".nothing"), "there are seeds");
}

}  // namespace
}  // namespace holdfast::fuzzing
