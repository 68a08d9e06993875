// Is a series read from mails in whatever state they come, and is what is missing told?
#include "harness/series/posted.h"

#include <gmock/gmock.h>

#include "harness/base/text.h"
#include "harness/kernel/fake_surroundings.h"

namespace holdfast::series {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A diff that changes a line of the file "a".
std::string diff(const std::string& from, const std::string& to) {
  return "---\n a | 2 +-\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-" + from + "\n+" + to +
         "\n-- \n2.39\n\n";
}

std::string mail(const std::string& subject, const std::string& body, const std::string& more = {}) {
  return "From git@z Thu Jan  1 00:00:00 1970\nFrom: A Dev <a@example.org>\nDate: Fri, 6 Nov 2026 10:00:00 +0100\n"
         "Subject: " +
         subject + "\n" + more + "\n" + body + "\n";
}

std::vector<std::string> subjects(const PostedSeries& series) {
  std::vector<std::string> all;
  for (const PostedPatch& patch : series.patches) all.push_back(patch.subject);
  return all;
}

class Posted : public testing::Test {
 protected:
  Result<PostedSeries> read(const std::string& text) const {
    fake::write(dir_.path() / "m.mbox", text);
    return read_posted(dir_.path() / "m.mbox", fake::soon());
  }
  TempDir dir_ = *TempDir::create("holdfast-posted");
};

TEST(SubjectTags, AreReadFromBrackets) {
  struct Row {
    const char* subject;
    int version, number, total;
    const char* rest;
    bool reply = false;
  };
  const Row rows[] = {
      {"[PATCH] mm: x", 1, -1, 0, "mm: x"},
      {"[PATCH 1/3] vfio/pci: x", 1, 1, 3, "vfio/pci: x"},
      {"[PATCH v2 00/11] a series", 2, 0, 11, "a series"},
      {"[RFC PATCH net-next v3 02/11] x", 3, 2, 11, "x"},
      {"[PATCHv4 2/3] x", 4, 2, 3, "x"},
      {"[linux-pci] [PATCH V2 2/3] PCI: v9 of [it]", 2, 2, 3, "PCI: v9 of [it]"},
      {"[PATCH 6.12 v2 1/2] x", 2, 1, 2, "x"},
      {"Re: [PATCH 1/3] x", 1, -1, 0, "Re: [PATCH 1/3] x", true},
      {"AW: [PATCH 1/3] x", 1, -1, 0, "AW: [PATCH 1/3] x", true},
      {"pci: read 1/2 of it", 1, -1, 0, "pci: read 1/2 of it"},
  };
  for (const Row& row : rows) {
    const SubjectTags tags = read_tags(row.subject);
    EXPECT_EQ(tags.version, row.version) << row.subject;
    EXPECT_EQ(tags.number, row.number) << row.subject;
    EXPECT_EQ(tags.total, row.total) << row.subject;
    EXPECT_EQ(tags.subject, row.rest) << row.subject;
    EXPECT_EQ(tags.reply, row.reply) << row.subject;
  }
}

TEST_F(Posted, AsFormatPatchLeavesIt) {
  const auto series =
      read(mail("[PATCH v2 0/2] the whole", "Why.\n\nbase-commit: 1234567890abcdef1234567890abcdef12345678\n") +
           mail("[PATCH v2 1/2] one", "Because.\n\nSigned-off-by: A\n" + diff("1", "2")) +
           mail("[PATCH v2 2/2] two", diff("2", "3")));
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_EQ(series->title, "the whole");
  EXPECT_EQ(series->version, "v2");
  EXPECT_EQ(series->base_commit, "1234567890abcdef1234567890abcdef12345678");
  EXPECT_THAT(subjects(*series), ElementsAre("one", "two"));
  EXPECT_THAT(series->notes, IsEmpty());
  const PostedPatch& first = series->patches.front();
  EXPECT_EQ(first.author, "A Dev");
  EXPECT_EQ(first.email, "a@example.org");
  EXPECT_EQ(first.date, "Fri, 6 Nov 2026 10:00:00 +0100");
  EXPECT_THAT(first.message, HasSubstr("Because.\n\nSigned-off-by: A\n"));
  EXPECT_THAT(first.diff, HasSubstr("\n+2\n"));
}

TEST_F(Posted, InTheOrderOfTheNumbersWhateverTheOrderOfTheMails) {
  const auto series = read(mail("[PATCH 2/2] two", diff("2", "3")) + mail("[PATCH 1/2] one", diff("1", "2")));
  ASSERT_TRUE(series);
  EXPECT_THAT(subjects(*series), ElementsAre("one", "two"));
  EXPECT_THAT(series->notes, Contains(HasSubstr("not in the order")));
}

TEST_F(Posted, SaysWhatIsMissing) {
  const auto series = read(mail("[PATCH 1/4] one", diff("1", "2")) + mail("[PATCH 3/4] three", diff("2", "3")));
  ASSERT_TRUE(series);
  ASSERT_EQ(series->patches.size(), 4U);
  EXPECT_FALSE(series->patches[0].missing());
  EXPECT_TRUE(series->patches[1].missing());
  EXPECT_FALSE(series->patches[2].missing());
  EXPECT_TRUE(series->patches[3].missing());
  EXPECT_THAT(series->notes, ElementsAre("patch 2/4 is missing", "patch 4/4 is missing"));
}

TEST_F(Posted, OfTheNewestVersionWithoutRepliesEvenIfTheseHoldADiff) {
  const auto series = read(mail("[PATCH 1/1] old", diff("1", "7")) +
                           mail("Re: [PATCH v2 1/1] new", "How about this?\n" + diff("1", "9")) +
                           mail("[PATCH v2 1/1] new", diff("1", "2")) + mail("[PATCH] by the way", diff("5", "6")) +
                           mail("[PATCH v2 1/1] new again", diff("1", "2")));
  ASSERT_TRUE(series);
  EXPECT_THAT(subjects(*series), ElementsAre("new"));
  EXPECT_EQ(series->version, "v2");
  EXPECT_THAT(series->notes, Contains("left out: 1 of v1 with 1 patch"));
  EXPECT_THAT(series->notes, Contains("left out: \"by the way\", which has no number"));
  EXPECT_THAT(series->notes, Contains("left out: a second mail with the number 1"));
}

TEST_F(Posted, WithoutNumbersInTheOrderInWhichTheyStand) {
  const auto series = read(mail("[PATCH] b", diff("1", "2")) + mail("[PATCH] a", diff("2", "3")));
  ASSERT_TRUE(series);
  EXPECT_THAT(subjects(*series), ElementsAre("b", "a"));
  EXPECT_EQ(series->patches[1].number, 2);
  EXPECT_EQ(series->title, "b");
}

TEST_F(Posted, Encoded) {
  const auto series = read(
      mail(
          "=?UTF-8?q?=5BPATCH_1/3=5D_K=C3=A4se?=",
          "a =3D b\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+=C3=A4 =\nlong\n",
          "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n") +
      mail("[PATCH 2/3] base64",
           // "Why.\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n"
           "V2h5LgotLS0KZGlmZiAtLWdpdCBhL2EgYi9hCi0tLSBhL2EKKysrIGIvYQpAQCAtMSArMSBA\nQAotMQorMgo=\n",
           "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: base64\n") +
      mail("[PATCH 3/3] attached",
           "--xyz\nContent-Type: text/plain\n\nSee the attachment.\n--xyz\nContent-Type: text/x-patch; "
           "name=\"a.patch\"\n"
           "Content-Disposition: attachment; filename=\"a.patch\"\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 "
           "@@\n-2\n+3\n--xyz--\n",
           "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"xyz\"\n"));
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_THAT(subjects(*series), ElementsAre("K\xc3\xa4se", "base64", "attached"));
  EXPECT_THAT(series->patches[0].diff, HasSubstr("+\xc3\xa4 long"));
  EXPECT_THAT(series->patches[0].message, HasSubstr("a = b"));
  EXPECT_THAT(series->patches[1].diff, HasSubstr("+2\n"));
  EXPECT_THAT(series->patches[2].diff, HasSubstr("+3\n"));
}

TEST_F(Posted, WithTheLineEndsOfMail) {
  std::string text = mail("[PATCH 1/1] one", diff("1", "2"));
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
  const auto series = read(text);
  ASSERT_TRUE(series);
  EXPECT_EQ(series->patches[0].diff.find('\r'), std::string::npos);
}

TEST_F(Posted, InAFolder) {
  const fs::path folder = dir_.path() / "s";
  fake::write(folder / "0000-cover-letter.patch", mail("[PATCH 0/2] all", "Why.\n"));
  fake::write(folder / "0002-b.patch", mail("[PATCH 2/2] two", diff("2", "3")));
  fake::write(folder / "0001-a.patch", mail("[PATCH 1/2] one", diff("1", "2")));
  const auto series = read_posted(folder, fake::soon());
  ASSERT_TRUE(series) << series.error().what;
  EXPECT_THAT(subjects(*series), ElementsAre("one", "two"));
  fake::write(dir_.path() / "bare/x.diff", "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n");
  const auto bare = read_posted(dir_.path() / "bare", fake::soon());
  ASSERT_TRUE(bare) << bare.error().what;
  EXPECT_THAT(subjects(*bare), ElementsAre("x.diff"));
}

TEST_F(Posted, APatchWhoseDiffWasLostOnTheWayIsThereWithoutOne) {
  const auto series = read(mail("[PATCH 1/2] one", "nothing but words\n") + mail("[PATCH 2/2] two", diff("2", "3")));
  ASSERT_TRUE(series);
  ASSERT_EQ(series->patches.size(), 2U);
  EXPECT_FALSE(series->patches[0].missing());
  EXPECT_EQ(series->patches[0].diff, "");
}

TEST_F(Posted, SaysThatThereIsNone) {
  EXPECT_EQ(read(mail("hello", "text\n")).error().type(), "harness.usage");
  EXPECT_EQ(read("no mail at all\n").error().type(), "harness.usage");
  EXPECT_EQ(read_posted(dir_.path() / "nowhere", fake::soon()).error().type(), "harness.usage");
}

}  // namespace
}  // namespace holdfast::series
