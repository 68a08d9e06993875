// Are series read in all their shapes, and is a patch that does not fit named with its hunk?
#include "harness/kernel/patch_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/fake_tree.h"
#include "harness/kernel/mailbox.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names_of(const PatchSeries& series) {
  std::vector<std::string> names;
  for (const Patch& patch : series.patches) names.push_back(patch.name);
  return names;
}

/// Changes line 3 of the file from one number to another.
std::string step(int from, int to) {
  return "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,6 +1,6 @@\n int main(void)\n {\n-\treturn " +
         std::to_string(from) + ";\n+\treturn " + std::to_string(to) + ";\n }\n /* a */\n /* b */\n";
}

std::string mail(const std::string& subject, const std::string& body, const std::string& more = {}) {
  return "From git@z Thu Jan  1 00:00:00 1970\nFrom: A <a@example.org>\nSubject: " + subject + "\n" + more + "\n" +
         body + "\n";
}

class Series : public testing::Test {
 protected:
  Series() { fake::tree(dir_.path() / "tree"); }
  fs::path at(const char* name) { return dir_.path() / name; }
  Result<PatchSeries> read(const char* name) { return read_series(at(name), fake::soon()); }
  Result<void> apply(const char* name) { return apply_series(*read(name), at("tree"), fake::soon()); }

  TempDir dir_ = *TempDir::create("holdfast-patches");
};

TEST_F(Series, KeepsTheOrderOfASeriesFile) {
  fake::write(at("s/series"), "# order\nsecond.patch # why\n\nfirst.patch -p1\n");
  fake::write(at("s/first.patch"), step(1, 2));
  fake::write(at("s/second.patch"), step(0, 1));
  const auto series = read("s");
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_THAT(names_of(*series), ElementsAre("second.patch", "first.patch"));
  ASSERT_TRUE(apply("s"));
  EXPECT_THAT(fake::read(at("tree/init/main.c")), HasSubstr("return 2;"));
}

TEST_F(Series, MayNamePatchesOfAnotherFolder) {
  fake::write(at("s/first.patch"), step(0, 1));
  fake::write(at("t/series"), "../s/first.patch\nsecond.patch\n");
  fake::write(at("t/second.patch"), step(1, 2));
  EXPECT_THAT(names_of(*read("t")), ElementsAre("../s/first.patch", "second.patch"));
  ASSERT_TRUE(apply("t"));
  EXPECT_THAT(fake::read(at("tree/init/main.c")), HasSubstr("return 2;"));
}

TEST_F(Series, TakesPatchFilesInOrderWithoutASeriesFile) {
  fake::write(at("s/0000-cover-letter.patch"), "Subject: [PATCH 0/2] x\n\nblah\n");
  fake::write(at("s/0002-b.patch"), step(1, 2));
  fake::write(at("s/0001-a.patch"), step(0, 1));
  fake::write(at("s/README"), "no");
  EXPECT_THAT(names_of(*read("s")), ElementsAre("0001-a.patch", "0002-b.patch"));
}

TEST_F(Series, NamesAPatchThatTheSeriesFileNamesInVain) {
  fake::write(at("s/series"), "0001-x.patch\n");
  fake::write(at("s/0001-y.patch"), step(0, 1));
  const auto series = read("s");
  ASSERT_FALSE(series);
  EXPECT_THAT(series.error().what, HasSubstr("0001-x.patch"));
  EXPECT_THAT(series.error().hint, HasSubstr("0001-y.patch"));
}

TEST_F(Series, SplitsAMailboxAndPassesOverCoverLettersAndReplies) {
  fake::write(at("m.mbox"), mail("[PATCH 0/2] a series", "From here on it is text.\n") +
                                mail("[PATCH v2 1/2] one\n two", step(0, 1)) +
                                mail("Re: [PATCH v2 1/2] one", "> --- a/init/main.c\n> +++ b/init/main.c\n") +
                                mail("[PATCH v2 2/2] three", step(1, 2)));
  EXPECT_THAT(names_of(*read("m.mbox")), ElementsAre("one two", "three"));
  ASSERT_TRUE(apply("m.mbox"));
  EXPECT_THAT(fake::read(at("tree/init/main.c")), HasSubstr("return 2;"));
}

TEST_F(Series, DecodesMailsThatAreEncoded) {
  fake::write(
      at("m.mbox"),
      mail(
          "=?UTF-8?q?=5BPATCH=5D_na=C3=AFve?=",
          "---\n--- a/init/main.c\n+++ b/init/main.c\n@@ -1,6 +1,6 @@\n int main(void)\n {\n-\treturn 0;\n+\treturn "
          "1=\n;\n }\n /* a */\n /* b */\n",
          "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n"));
  const auto series = read("m.mbox");
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_THAT(names_of(*series), ElementsAre("naïve"));
  const auto applied = apply("m.mbox");
  ASSERT_TRUE(applied) << applied.error().what << applied.error().evidence[0].text;
  EXPECT_THAT(fake::read(at("tree/init/main.c")), HasSubstr("return 1;"));
}

TEST_F(Series, TakesWhatGitWrites) {
  ASSERT_TRUE(
      fake::shell("git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm base && "
                  "sed -i 's/return 0/return 1/' init/main.c && git mv init/main.c init/new.c && "
                  "git -c user.name=a -c user.email=a@b commit -qam 'rename it' && git format-patch -q -1 --stdout > "
                  "../one.mbox && "
                  "git reset -q --hard HEAD^",
                  at("tree")));
  const auto series = read("one.mbox");
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_THAT(touched_files(series->patches[0].text), ElementsAre("init/main.c", "init/new.c"));
  EXPECT_TRUE(check_series(*series, at("tree"), fake::soon()));
  ASSERT_TRUE(apply("one.mbox"));
  EXPECT_THAT(fake::read(at("tree/init/new.c")), HasSubstr("return 1;"));
}

TEST_F(Series, NamesPatchHunkFileAndLineWhenOneDoesNotFit) {
  fake::write(at("s/0001-good.patch"), fake::kGoodPatch);
  fake::write(at("s/0002-bad.patch"), fake::kBadPatch);
  const auto applied = apply("s");
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().kind, "usage");
  EXPECT_THAT(applied.error().what, testing::AllOf(HasSubstr("patch 2 of 2, 0002-bad.patch"), HasSubstr("hunk #2"),
                                                   HasSubstr("init/main.c:4")));
  ASSERT_FALSE(applied.error().evidence.empty());
  EXPECT_THAT(applied.error().evidence[0].text, HasSubstr("Hunk #2 FAILED"));
}

TEST_F(Series, DoesNotGuessWhenTheContextDiffers) {
  fake::write(at("fuzzy.patch"),
              "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,6 +1,6 @@\n int main(char)\n {\n-\treturn 0;\n+\treturn "
              "1;\n }\n /* a */\n /* b */\n");
  EXPECT_FALSE(apply("fuzzy.patch"));
  EXPECT_THAT(fake::read(at("tree/init/main.c")), HasSubstr("return 0;"));
}

TEST_F(Series, TakesAnOffset) {
  fake::write(at("tree/init/main.c"), "/* new */\n/* new */\n" + std::string(fake::kMainC));
  fake::write(at("x.patch"),
              "--- a/init/main.c\n+++ b/init/main.c\n@@ -2,7 +2,7 @@\n {\n \treturn 0;\n }\n-/* a */\n+/* A */\n /* b "
              "*/\n /* c */\n /* d */\n");
  EXPECT_TRUE(apply("x.patch"));
}

TEST_F(Series, SaysWhenAPatchIsThereAlreadyOrItsFileIsNot) {
  fake::write(at("x.patch"), step(0, 1));
  ASSERT_TRUE(apply("x.patch"));
  const auto twice = apply("x.patch");
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().what, HasSubstr("already applied"));
  fake::write(at("y.patch"), "--- a/none/such.c\n+++ b/none/such.c\n@@ -1 +1 @@\n-a\n+b\n");
  const auto missing = apply("y.patch");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what, HasSubstr("the tree has no none/such.c"));
}

TEST_F(Series, ChecksWithoutWritingIntoTheTree) {
  fake::write(at("s/0001-a.patch"), step(0, 1));
  fake::write(at("s/0002-b.patch"), step(1, 2));
  const std::string before = fake::read(at("tree/init/main.c"));
  EXPECT_TRUE(check_series(*read("s"), at("tree"), fake::soon()));
  EXPECT_EQ(fake::read(at("tree/init/main.c")), before);
  fake::write(at("s/0003-c.patch"), step(5, 6));
  const auto misfit = check_series(*read("s"), at("tree"), fake::soon());
  ASSERT_FALSE(misfit);
  EXPECT_THAT(misfit.error().what, HasSubstr("0003-c.patch"));
}

TEST_F(Series, DoesNotLeaveTheTree) {
  fake::write(at("x.patch"), "--- a/../outside\n+++ b/../outside\n@@ -0,0 +1 @@\n+x\n");
  EXPECT_FALSE(check_series(*read("x.patch"), at("tree"), fake::soon()));
  EXPECT_FALSE(apply("x.patch"));
  EXPECT_FALSE(fs::exists(at("outside")));
}

TEST_F(Series, RefusesWhatHoldsNoPatch) {
  fake::write(at("text"), "hello\n");
  fs::create_directories(at("empty"));
  for (const char* name : {"text", "empty", "absent"}) {
    const auto series = read(name);
    ASSERT_FALSE(series) << name;
    EXPECT_EQ(series.error().kind, "usage");
  }
}

TEST_F(Series, DigestTellsSeriesApart) {
  fake::write(at("a.patch"), step(0, 1));
  fake::write(at("b.patch"), step(0, 2));
  EXPECT_NE(read("a.patch")->digest(), read("b.patch")->digest());
  EXPECT_EQ(read("a.patch")->digest(), read("a.patch")->digest());
}

TEST(Mailbox, IsNotSplitAtASentenceThatBeginsWithFrom) {
  const std::string text =
      "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nFrom now on all is well at 10:00 in 2024, no?\n";
  EXPECT_EQ(split_mailbox(text).size(), 1U);
  EXPECT_EQ(split_mailbox(text + "\n" + text).size(), 2U);
}

}  // namespace
}  // namespace holdfast
