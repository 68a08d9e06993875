// What do the unit tests of a series share? A user's small git tree, and patches to it.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/text.h"
#include "harness/kernel/fake_surroundings.h"
#include "harness/kernel/work_tree.h"
#include "harness/series/posted.h"

namespace holdfast::series {

/// The file "a" of this many lines, "line 1" and on, the ones named replaced.
inline std::string lines_with(int number = 0, const std::string& text = {}) {
  std::string all;
  for (int i = 1; i <= 12; ++i) all += (i == number ? text : "line " + std::to_string(i)) + "\n";
  return all;
}

class SeriesTree : public testing::Test {
 protected:
  void SetUp() override {
    fake::write(user() / "a", lines_with());
    git({"init", "-q", "-b", "main"});
    base_ = commit("base of all");
    auto tree = WorkTree::open(user(), dir_.path() / "work", fake::soon());
    ASSERT_TRUE(tree) << tree.error().what;
    tree_.emplace(*std::move(tree));
    ASSERT_TRUE(tree_->go_to(base_, fake::soon()));
  }
  std::filesystem::path user() const { return dir_.path() / "user"; }
  std::string git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-c", "user.name=t", "-c", "user.email=t@t"});
    const auto said = run_git(user(), std::move(arguments), fake::soon());
    EXPECT_TRUE(said && said->status.success()) << (said ? said->err : said.error().what);
    return said ? std::string(trim(said->out)) : "";
  }
  /// Commits what lies there.
  std::string commit(const std::string& subject) const {
    git({"add", "-A"});
    git({"commit", "-qm", subject});
    return git({"rev-parse", "HEAD"});
  }
  /// Lines of "a" from one text to another.
  static PostedPatch patch(int number, int line, const std::string& to, const std::string& from = {}) {
    const std::string was = from.empty() ? "line " + std::to_string(line) : from;
    std::string diff = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -" + std::to_string(line - 1) + ",3 +" +
                       std::to_string(line - 1) + ",3 @@\n line " + std::to_string(line - 1) + "\n-" + was + "\n+" +
                       to + "\n line " + std::to_string(line + 1) + "\n";
    return {.number = number,
            .subject = "patch " + std::to_string(number),
            .author = "A Dev",
            .email = "a@example.org",
            .date = "Fri, 6 Nov 2026 10:00:00 +0100",
            .message = "Why.\n",
            .diff = diff,
            .commit = {}};
  }
  std::string file_at(const std::string& commit) const {
    const auto said = ask_git(tree_->dir(), {"show", commit + ":a"}, fake::soon());
    return said ? *said : "";
  }

  TempDir dir_ = *TempDir::create("holdfast-series");
  std::string base_;
  std::optional<WorkTree> tree_;
};

}  // namespace holdfast::series
