// Which repository do the tests of git's users have? A real one, with three commits.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {

/// For fixtures to inherit. The first commit has file a, the second adds b, the third changes a.
class RealRepository : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(tree_);
    git({"init", "-q", "-b", "main"});
    first_ = commit("a", "1\n");
    second_ = commit("b", "1\n");
    third_ = commit("a", "2\n");
  }

  /// What git says, with neither a name nor a key of the user's.
  std::string git(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {
        "git", "-C", tree_.string(), "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgSign=false"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto output = run({.argv = argv}, deadline());
    EXPECT_TRUE(output && output->status.success()) << arguments[0] << ": " << (output ? output->err : "");
    return output ? std::string(trim(output->out)) : "";
  }
  /// Writes a file and commits it; the commit's id.
  std::string commit(const std::string& file, const std::string& text) const {
    EXPECT_TRUE(write_file(tree_ / file, text));
    git({"add", "-A"});
    git({"commit", "-qm", "change " + file});
    return git({"rev-parse", "HEAD"});
  }
  static Deadline deadline() { return Deadline::after(std::chrono::seconds(60)); }

  TempDir dir_ = *TempDir::create();
  std::filesystem::path tree_ = dir_.path() / "tree";
  std::string first_, second_, third_;
};

}  // namespace holdfast
