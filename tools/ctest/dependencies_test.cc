// Is each package that holdfast needs listed with its version and licence, and is nothing listed that it does not need?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Entry {
  std::string version;
  std::string licence;
  std::string use;
};
using Entries = std::map<std::string, Entry>;

/// The first name of each line of the list of packages.
std::vector<std::string> needed(std::string_view list) {
  std::vector<std::string> names;
  for (std::string_view line : split(list, '\n')) {
    line = trim(line.substr(0, line.find('#')));
    if (!line.empty()) names.emplace_back(line.substr(0, line.find(' ')));
  }
  return names;
}

/// The rows of the table below its head.
Entries listed(std::string_view table) {
  Entries entries;
  bool head = true;
  for (const std::string_view line : split(table, '\n')) {
    const auto cells = split(line, '|');
    if (cells.size() != 6) continue;
    if (!head) {
      entries[std::string(trim(cells[1]))] = {std::string(trim(cells[2])), std::string(trim(cells[3])),
                                              std::string(trim(cells[4]))};
    }
    if (cells[1].starts_with("---")) head = false;
  }
  return entries;
}

/// What the two do not agree on.
std::vector<std::string> differences(const std::vector<std::string>& names, Entries entries) {
  std::vector<std::string> wrong;
  for (const std::string& name : names) {
    const auto entry = entries.find(name);
    if (entry == entries.end() || entry->second.version.empty() || entry->second.licence.empty()) wrong.push_back(name);
    entries.erase(name);
  }
  for (const auto& [name, entry] : entries) wrong.push_back(name + " (not needed)");
  return wrong;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Dependencies : public testing::Test {
 protected:
  std::vector<std::string> names_ = needed(*read_file(source_dir() / "tools/packages.debian12"));
  Entries entries_ = listed(*read_file(source_dir() / "tools/dependencies.md"));
};

TEST_F(Dependencies, AreAllListedAndNoOthers) {
  EXPECT_GT(names_.size(), 50U);
  EXPECT_THAT(differences(names_, entries_), IsEmpty());
}

TEST_F(Dependencies, ControlOneThatIsMissingOrTooManyIsNamed) {
  auto names = names_;
  names.emplace_back("libnew-dev");
  EXPECT_THAT(differences(names, entries_), testing::ElementsAre("libnew-dev"));
  EXPECT_THAT(
      differences({"zlib1g-dev"}, listed("|---|---|---|---|\n| zlib1g-dev | 1.2 | | linked |\n| x | 1 | y | z |\n")),
      testing::ElementsAre("zlib1g-dev", "x (not needed)"));
}

/// Those that may be part of a program under GPL-2.0-or-later (https://www.gnu.org/licenses/license-list.html).
TEST_F(Dependencies, ThatAreAPartOfTheProgramHaveALicenceThatGoesWithItsOwn) {
  int parts = 0;
  for (const auto& [name, entry] : entries_) {
    const bool tests_only =
        entry.use.find("tests") != std::string::npos || entry.use.find("kernel") != std::string::npos;
    if (tests_only || (!entry.use.starts_with("linked") && !entry.use.starts_with("compiled in"))) continue;
    ++parts;
    EXPECT_THAT(entry.licence, AnyOf("MIT", "BSD-3-Clause", "BSL-1.0", "ISC", "Zlib", "GPL-2+")) << name;
  }
  EXPECT_GE(parts, 9);
}

TEST_F(Dependencies, HaveTheVersionThatIsInstalledWhereThisIsDebian12) {
  if (const auto release = read_file("/etc/os-release"); !release || release->find("bookworm") == std::string::npos) {
    GTEST_SKIP() << "this is not Debian 12";
  }
  std::vector<std::string> argv{"dpkg-query", "-W", "-f", "${Package} ${Version}\n"};
  argv.insert(argv.end(), names_.begin(), names_.end());
  const auto output = run({.argv = argv}, Deadline::after(std::chrono::seconds(60)));
  ASSERT_TRUE(output);
  int looked_at = 0;
  for (const std::string_view line : split(output->out, '\n')) {
    const auto words = split(line, ' ');
    const auto entry = words.size() == 2 ? entries_.find(std::string(words[0])) : entries_.end();
    if (entry == entries_.end() || entry->second.version == "any" || words[1].empty()) continue;
    ++looked_at;
    const std::string_view version = words[1].substr(words[1].find(':') + 1);  // without an epoch
    const std::string& begin = entry->second.version;
    const bool same =
        version.starts_with(begin) && (version.size() == begin.size() || !is_digit(version[begin.size()]));
    EXPECT_TRUE(same) << words[0] << " is " << version << ", and " << begin << " is listed";
  }
  EXPECT_GT(looked_at, 20) << output->err;
}

}  // namespace
}  // namespace holdfast
