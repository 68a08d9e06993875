// Does a console that is full of escapes do nothing to a terminal but show, move and colour?
#include "lab/terminal_filter.h"

#include <gtest/gtest.h>

#include <array>

namespace holdfast::lab {
namespace {

std::string passed(std::string_view bytes) { return TerminalFilter().pass(bytes); }

TEST(TerminalFilter, LetsThroughWhatAnEditorNeeds) {
  for (const std::string_view good : {
           "plain\ttext\r\n",
           "\x1b[2J\x1b[H\x1b[1;31mred\x1b[0m",
           "\x1b[12;40H\x1b[K\x1b[4A\x1b[3P\x1b[2L\x1b[1;24r",
           "\x1b[?1049h\x1b[?25l\x1b[?7h",
           "\x1b(B\x1b)0\x0e\x0f\x1b"
           "7\x1b"
           "8\x1b=\x1b>\x1bM",
           "\x1b[2 q\x1b[!p",
           "grüße – 漢字 🙂\n",
       }) {
    EXPECT_EQ(passed(good), good);
  }
}

struct Attack {
  const char* what;
  std::string_view bytes;
};
constexpr std::array kAttacks{
    Attack{"sets the clipboard", "\x1b]52;c;cm0gLXJmIH4K\a"},
    Attack{"names the window", "\x1b]0;$(reboot)\x1b\\"},
    Attack{"links", "\x1b]8;;file:///etc/passwd\a"},
    Attack{"asks what the terminal is", "\x1b[c\x1b[>c\x1b[=c\x1b[>q\x1bZ"},
    Attack{"asks where the cursor is", "\x1b[6n\x1b[?6n\x1b[5n"},
    Attack{"asks for the window's title", "\x1b[21t\x1b[14t"},
    Attack{"asks for an answerback", "\x05"},
    Attack{"asks for a mode", "\x1b[?1$p\x1b[4$p"},
    Attack{"asks for a setting", "\x1bP$qm\x1b\\"},
    Attack{"defines keys", "\x1bP1;1|17/6c73\x1b\\"},
    Attack{"makes keys say something else", "\x1b[>4;2m\x1b[>1u\x1b[=5u"},
    Attack{"prints", "\x1b[5i\x1b[4i\x1b[?5i"},
    Attack{"resizes the window", "\x1b[8;1;1t\x1b[3;0;0t"},
    Attack{"speaks to the application", "\x1b_Gi=1,a=q;AAAA\x1b\\"},
    Attack{"sends a private message", "\x1b^hello\x1b\\"},
    Attack{"names a window of screen", "\x1bktitle\x1b\\"},
    Attack{"resets the terminal",
           "\x1b"
           "c"},
    Attack{"says it in one byte",
           "\x9b"
           "6n"},
    Attack{"says it in UTF-8",
           "\xc2\x9b"
           "6n"},
    Attack{"begins a string in one byte",
           "\x9d"
           "0;title\x9c"},
    Attack{"turns one-byte controls on", "\x1b G"},
};

TEST(TerminalFilter, LetsNothingThroughThatATerminalDoesMoreWithThanShow) {
  for (const Attack& attack : kAttacks) {
    const std::string shown = passed("before" + std::string(attack.bytes) + "after\r\n");
    EXPECT_EQ(shown.find('\x1b'), std::string::npos) << attack.what;
    EXPECT_EQ(shown.find('\x05'), std::string::npos) << attack.what;
    for (const char c : shown) EXPECT_LT(static_cast<unsigned char>(c), 0x80) << attack.what;
    EXPECT_TRUE(shown.starts_with("before")) << attack.what;
    EXPECT_TRUE(shown.ends_with("after\r\n")) << attack.what;
  }
}

TEST(TerminalFilter, IsTheSameWhateverTheSizeOfThePieces) {
  std::string all = "\x1b[1mgrüße\x1b[0m";
  for (const Attack& attack : kAttacks) all += "x" + std::string(attack.bytes) + "\x1b[32my\r\n";
  const std::string whole = passed(all);
  for (const size_t size : {1U, 2U, 3U, 7U}) {
    TerminalFilter filter;
    std::string pieces;
    for (size_t at = 0; at < all.size(); at += size) pieces += filter.pass(std::string_view(all).substr(at, size));
    EXPECT_EQ(pieces, whole) << size;
  }
}

TEST(TerminalFilter, HidesNothingBehindAStringThatDoesNotEnd) {
  EXPECT_EQ(passed("\x1b]0;title that a dying kernel\r\nBUG: kernel NULL pointer\r\n"),
            "\r\nBUG: kernel NULL pointer\r\n");
  EXPECT_EQ(passed("\x1b[1;2" + std::string(200, ';') + "\r\nPanic\r\n").substr(0, 1), ";") << "no sequence is so long";
  EXPECT_EQ(passed("\x1b[12\r\nPanic"), "\r\nPanic");
  EXPECT_EQ(passed("\x1b\r\nPanic\xf0\x9f"), "\r\nPanic") << "half a character waits for its rest";
}

TEST(TerminalFilter, LeavesTheOtherScreenOnlyWhenItIsShown) {
  TerminalFilter filter;
  EXPECT_EQ(filter.restore().find("1049l"), std::string::npos);
  filter.pass("\x1b[?1049h");
  EXPECT_NE(filter.restore().find("\x1b[?1049l"), std::string::npos);
  filter.pass("\x1b[?1049l");
  EXPECT_EQ(filter.restore().find("1049l"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::lab
