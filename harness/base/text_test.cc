// Do the small questions about text get the right answers?
#include "harness/base/text.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace holdfast {
namespace {

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a::b", ':'), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ':'), (std::vector<std::string_view>{""}));
}

TEST(ParseU64, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_u64("42"), 42U);
  EXPECT_EQ(parse_u64("0x2a", 16), 42U);
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "4x", "-1", " 1", "18446744073709551616", "0x"}) {
    EXPECT_EQ(parse_u64(bad, bad[0] == '0' ? 16 : 10), std::nullopt) << bad;
  }
}

TEST(Nearest, FindsATypoAndAPart) {
  const std::vector<std::string> names{"Preserve.DeviceKeepsItsAddress", "Chains.SecondKexecInARow", "e1000e"};
  EXPECT_EQ(nearest("e1000", names), "e1000e");
  EXPECT_EQ(nearest("Preserve.DeviceKeepItsAdress", names), "Preserve.DeviceKeepsItsAddress");
  EXPECT_EQ(nearest("SecondKexec", names), "Chains.SecondKexecInARow");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("zzzzzz", {"e1000e", "nvme"}), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

TEST(GlobMatch, FollowsShellRules) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("Pre*.*Address", "Preserve.DeviceKeepsItsAddress"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_TRUE(glob_match("*a*a*a", "aaaa"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_FALSE(glob_match("Preserve", "Preserve.X"));
  EXPECT_FALSE(glob_match("", "x"));
}

TEST(GlobMatch, StaysFastOnManyStars) {
  const std::string text(2000, 'a');
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", text));
}

TEST(ShellQuote, LeavesPlainWordsAndGuardsOthers) {
  EXPECT_EQ(shell_quote("--filter=Preserve.X/e1000e"), "--filter=Preserve.X/e1000e");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("*"), "'*'");
}

TEST(ErrnoName, NamesWhatHasAName) {
  EXPECT_EQ(errno_name(EBUSY), "EBUSY");
  EXPECT_EQ(errno_name(524), "errno 524");  // ENOTSUPP of the kernel, which user space should never see
}

TEST(Printable, KeepsTextAndEscapesTheRest) {
  EXPECT_EQ(printable("ok\ttab\nline"), "ok\ttab\nline");
  EXPECT_EQ(printable("a\r\nb\rc"), "a\nb\\x0dc");
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Printable, EscapesWhatIsNoUtf8OrNoXml) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut short
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xef\xbf\xbe"), "\\xef\\xbf\\xbe");           // U+FFFE
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

TEST(LastLines, CountsFromTheEnd) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb\nc", 1), "c");
  EXPECT_EQ(last_lines("a\nb", 9), "a\nb");
  EXPECT_EQ(last_lines("a\nb", 0), "");
  EXPECT_EQ(last_lines("", 3), "");
}

TEST(Printable, ShowsWhatWouldTurnTheTextAround) {
  EXPECT_EQ(printable("passed\u202Edeliaf"), "passed\\xe2\\x80\\xaedeliaf");
  for (const char* hidden : {"\u2028", "\u2029", "\u202A", "\u202E", "\u2066", "\u2069"}) {
    EXPECT_EQ(printable(hidden).substr(0, 4), "\\xe2") << printable(hidden);
  }
  for (const char* plain : {"\u2013", "\u2027", "\u202F", "\u2065", "\u206A", "\u20AC"})
    EXPECT_EQ(printable(plain), plain);
}

}  // namespace
}  // namespace holdfast
