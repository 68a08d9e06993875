// Is a patch series told apart patch by patch, on real kernels: what appears, what breaks, what is repaired?
//
// The base is the guest kernel's part of the fetched source (fixtures/history), in a repository that stays in the
// cache: so a later run of these tests compiles only what the patches touch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "harness/kernel/data_dir.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kPreserve = "Preserve.DeviceKeepsItsAddress/e1000e";
const std::string kRetrieve = "Retrieve.DeviceComesBackAndWorks/e1000e";

Deadline patience() { return Deadline::after(std::chrono::minutes(14)); }

std::string git(const fs::path& tree, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "-C", tree.string()});
  const auto said = run({.argv = arguments}, patience());
  EXPECT_TRUE(said && said->status.success()) << (said ? said->err : said.error().what);
  return said ? std::string(trim(said->out)) : "";
}

/// The user's repository, with nothing in it but the base.
fs::path kernel_repository() {
  const auto cache = cache_dir();
  if (!cache) return {};
  const fs::path tree = *cache / "history/e2e-series";
  std::error_code failed;
  if (fs::exists(tree / "refs", failed)) return tree;
  const auto made = run({.argv = {(source_dir() / "fixtures/history/make").string(), "--out", tree.string(), "--cache",
                                  cache->string(), "--commits", "1", "--culprit", "1", "--merge", "0", "--series", ""}},
                        patience());
  EXPECT_TRUE(made && made->status.success()) << (made ? made->err : made.error().what);
  return tree;
}

/// All that a user could find changed.
std::string trace_of(const fs::path& tree) {
  return git(tree, {"for-each-ref"}) + git(tree, {"worktree", "list"}) + git(tree, {"count-objects", "-v"});
}

struct Told {
  Output output;
  json found;
  std::string mail;
};

Told series(const Program& program, const fs::path& mails, const std::string& filter) {
  Told told;
  told.output = program.run({"series", "--tree", kernel_repository().string(), "--base", "base", "--mbox",
                             mails.string(), "--filter", filter},
                            std::chrono::minutes(14));
  const size_t at = told.output.out.find("results: ");
  if (at == std::string::npos) return told;
  const fs::path folder = trim(split(told.output.out.substr(at + 9), '\n').front());
  told.found = json::parse(*read_file(folder / "series.json"), nullptr, /*allow_exceptions=*/false);
  told.mail = *read_file(folder / "mail.txt");
  EXPECT_FALSE(read_junit(folder / "junit.xml").empty());
  EXPECT_THAT(*read_file(folder / "report.html"), HasSubstr("Cases by patch"));
  return told;
}

std::string outcome(const json& found, size_t state, const std::string& key) {
  return found["states"][state]["cases"][key]["outcome"].get<std::string>();
}

std::string mail(const std::string& tags, const std::string& subject, const std::string& body) {
  return "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: A Dev <a@example.org>\n"
         "Date: Fri, 6 Nov 2026 10:00:00 +0100\nSubject: [PATCH " +
         tags + "] " + subject + "\n\n" + body;
}

/// Replaces in the file of the handler the line behind "args->private_data = frozen;".
std::string handler_diff(const std::string& from, const std::string& to) {
  return "---\n\ndiff --git a/drivers/vfio/pci/vfio_pci_liveupdate.c b/drivers/vfio/pci/vfio_pci_liveupdate.c\n"
         "--- a/drivers/vfio/pci/vfio_pci_liveupdate.c\n+++ b/drivers/vfio/pci/vfio_pci_liveupdate.c\n"
         "@@ -79,5 +79,5 @@\n \targs->private_data = frozen;\n \n-" +
         from + "\n+" + to + "\n }\n \n-- \n2.39\n\n";
}

/// The first patch of the reference series; one that breaks it, warns and is ill-formed; one that changes no code; and
/// one that mends it.
std::string broken_series() {
  std::string first = *read_file(source_dir() / "fixtures" /
                                 "kernel/series/0001-vfio-pci-Preserve-device-files-across-a-live-update.patch");
  first.replace(first.find("[PATCH 1/3]"), 11, "[PATCH 1/4]");
  const std::string sound = "\treturn 0;";
  const std::string broken = "\tint unused; return -EIO; ";
  return first + "\n" +
         mail("2/4", "vfio/pci: Refuse every device",
              "Why.\n\nSigned-off-by: A Dev <a@example.org>\n" + handler_diff(sound, broken)) +
         mail(
             "3/4", "Documentation: Say nothing",
             "Why.\n\nSigned-off-by: A Dev <a@example.org>\n---\n\n"
             "diff --git a/Documentation/nothing.rst b/Documentation/nothing.rst\nnew file mode 100644\n--- /dev/null\n"
             "+++ b/Documentation/nothing.rst\n@@ -0,0 +1 @@\n+Nothing.\n-- \n2.39\n\n") +
         mail("4/4", "vfio/pci: Refuse none",
              "Why.\n\nSigned-off-by: A Dev <a@example.org>\n" + handler_diff(broken, sound));
}

TEST(Series, SaysWhatIsWrongBeforeAnythingIsBuilt) {
  const Program program;
  const fs::path place = program.latest().parent_path();
  const std::string tree = (place / "tree").string();
  ASSERT_TRUE(make_dirs(tree));
  ASSERT_TRUE(write_file(fs::path(tree) / "a", "1\n"));
  git(tree, {"init", "-q", "-b", "main"});
  git(tree, {"add", "a"});
  git(tree, {"-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"});
  const std::string diff = "---\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n--\n2.39\n\n";
  const std::string mails = (place / "m").string();
  ASSERT_TRUE(write_file(mails, mail("1/1", "x", diff)));
  const std::string far = (place / "far").string();
  ASSERT_TRUE(write_file(far, mail("1/1", "x", diff + "base-commit: " + std::string(40, 'e') + "\n")));
  const std::string none = (place / "none").string();
  struct Row {
    std::vector<std::string> words;
    const char* told;
  };
  const Row rows[] = {{{"--mbox", mails}, "do not say which commit they are for"},
                      {{"--mbox", far}, "eeeeeeeeeeee"},
                      {{"--base", "main"}, "there is no series to test"},
                      {{"--base", "v9", "--mbox", mails}, "'v9'"},
                      {{"--range", "main"}, "'main' is no range"},
                      {{"--base", "main", "--mbox", none}, "there is no file"},
                      {{"--base", "main", "--mbox", mails, "--filter", "Preserv.DeviceKeeps"}, "no case is called"}};
  for (const Row& row : rows) {
    std::vector<std::string> words = {"series", "--tree", tree};
    words.insert(words.end(), row.words.begin(), row.words.end());
    const Output said = program.run(words);
    EXPECT_EQ(said.status.code, 2) << row.told;
    EXPECT_THAT(said.err, HasSubstr(row.told));
  }
}

TEST(Series, ShowsTheLevelsOfTheReferenceSeriesAppear) {
  const Program program;
  const fs::path tree = kernel_repository();
  const std::string before = trace_of(tree);
  const Told told = series(program, source_dir() / "fixtures/kernel/series", kPreserve + ":" + kRetrieve);
  ASSERT_EQ(told.output.status.code, 0) << told.output.out << told.output.err;
  ASSERT_EQ(told.found["states"].size(), 4U);
  EXPECT_EQ(outcome(told.found, 0, kPreserve), "skipped");
  EXPECT_EQ(outcome(told.found, 1, kPreserve), "passed");
  EXPECT_EQ(outcome(told.found, 1, kRetrieve), "skipped");
  EXPECT_EQ(outcome(told.found, 2, kRetrieve), "passed");
  EXPECT_EQ(outcome(told.found, 3, kRetrieve), "passed");
  const json levels = {{{"level", "preserve"}, {"at", 1}, {"passed", 1}, {"failed", 0}},
                       {{"level", "retrieve"}, {"at", 2}, {"passed", 1}, {"failed", 0}}};
  EXPECT_EQ(told.found["levels"], levels);
  for (size_t patch = 1; patch <= 3; ++patch) {
    EXPECT_EQ(told.found["states"][patch]["checkpatch"]["errors"], 0) << told.mail;
    EXPECT_TRUE(told.found["states"][patch]["new_warnings"].empty()) << told.mail;
  }
  EXPECT_EQ(trace_of(tree), before);
}

TEST(Series, FlagsAPatchThatBreaksWhatTheOneBeforePromised) {
  const Program program;
  const fs::path mails = program.latest().parent_path() / "broken.mbox";
  ASSERT_TRUE(write_file(mails, broken_series()));
  const Told told = series(program, mails, kPreserve);
  ASSERT_EQ(told.output.status.code, 1) << told.output.out << told.output.err;
  EXPECT_EQ(told.found["headline"], "2/4 breaks 1 case, which 4/4 repairs") << told.mail;
  EXPECT_EQ(outcome(told.found, 2, kPreserve), "failed");
  const json& states = told.found["states"];
  EXPECT_EQ(states[3]["same_as"], 2) << "a text is no code";
  EXPECT_EQ(states[4]["same_as"], 1);
  EXPECT_GE(states[2]["new_warnings"].size(), 1U) << told.mail;
  EXPECT_TRUE(states[4]["new_warnings"].empty()) << told.mail;
  EXPECT_THAT(told.mail, HasSubstr("unused variable"));
  EXPECT_GE(states[2]["checkpatch"]["errors"].get<int>(), 1);
  EXPECT_EQ(states[4]["checkpatch"]["errors"], 0);
  EXPECT_THAT(states[2]["cases"][kPreserve]["type"].get<std::string>(), StartsWith("kernel.")) << told.mail;
  EXPECT_EQ(states[2]["cases"][kPreserve]["runs"], 2) << "it was run again before it counted as broken";
}

}  // namespace
}  // namespace holdfast::e2e
