// Does each test exist that SECURITY.md names as the one that shows a promise?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// "Suite.Name" of each TEST, TEST_F and TEST_P in the tree's tests.
std::set<std::string> tests_of_the_tree() {
  static const std::regex kTest(R"(^TEST(?:_F|_P)?\((\w+), *(\w+)\))");
  std::set<std::string> names;
  for (const char* folder : {"harness", "lab", "reports", "fixtures", "tools"}) {
    for (const auto& entry : fs::recursive_directory_iterator(source_dir() / folder)) {
      if (!entry.path().filename().string().ends_with("_test.cc")) continue;
      const auto text = read_file(entry.path());
      for (const std::string_view line : split(text ? std::string_view(*text) : std::string_view(), '\n')) {
        std::match_results<std::string_view::const_iterator> match;
        if (line.starts_with("TEST") && std::regex_search(line.begin(), line.end(), match, kTest)) {
          names.insert(match[1].str() + "." + match[2].str());
        }
      }
    }
  }
  return names;
}

/// What stands in backquotes and has the form of a test's name, without what a parameter adds to it.
std::vector<std::string> tests_named_in(const std::string& text) {
  static const std::regex kNamed(R"(`(?:\w+/)?([A-Z]\w+\.[A-Z]\w+)(?:/\w+)?`)");
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kNamed), end; it != end; ++it) names.push_back((*it)[1].str());
  return names;
}

std::vector<std::string> missing(const std::vector<std::string>& named, const std::set<std::string>& there) {
  std::vector<std::string> gone;
  for (const std::string& name : named) {
    if (!there.contains(name)) gone.push_back(name);
  }
  return gone;
}

TEST(SecurityModel, NamesTestsThatExist) {
  const auto named = tests_named_in(*read_file(source_dir() / "SECURITY.md"));
  EXPECT_GT(named.size(), 40U);
  EXPECT_THAT(missing(named, tests_of_the_tree()), IsEmpty());
}

TEST(SecurityModel, HasAShownByForEachPromise) {
  const std::string text = *read_file(source_dir() / "SECURITY.md");
  bool promises = false;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with("| ")) promises = false;
    if (promises) {
      EXPECT_FALSE(tests_named_in(std::string(line)).empty()) << line;
    }
    if (line.starts_with("|---|---|---|")) promises = true;
  }
}

TEST(SecurityModel, ControlATestThatIsGoneIsMissed) {
  EXPECT_THAT(missing(tests_named_in("`SecurityModel.NamesTestsThatExist`, `Readers/Fuzzed.Gone/pci`, `harness.usage`"),
                      tests_of_the_tree()),
              ElementsAre("Fuzzed.Gone"));
}

}  // namespace
}  // namespace holdfast
