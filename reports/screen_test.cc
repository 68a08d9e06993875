// Does a screen show lines and wipe its live line, and nothing that could harm a terminal?
#include "reports/screen.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>

#include <cstdlib>
#include <optional>

#include "harness/base/fd.h"

namespace holdfast::reports {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A screen whose output is a string.
struct Shown {
  explicit Shown(ScreenTraits traits, int width = 40)
      : screen(traits, [this](std::string_view piece) { text += piece; }, [width] { return width; }) {}
  std::string text;
  Screen screen;
};

constexpr ScreenTraits kPlainFile = {.live = false, .colour = false};
constexpr ScreenTraits kLive = {.live = true, .colour = false};

TEST(Screen, WritesPlainLinesToAFile) {
  Shown shown(kPlainFile);
  shown.screen.line({{"PASS", Style::kGood}, {" case"}});
  shown.screen.live({{"running"}});
  EXPECT_EQ(shown.text, "PASS case\n");
}

TEST(Screen, ColoursOnlyWhenItMay) {
  Shown shown({.live = false, .colour = true});
  shown.screen.line({{"PASS", Style::kGood}, {" case"}});
  EXPECT_EQ(shown.text, "\x1b[32mPASS\x1b[0m case\n");
}

TEST(Screen, KeepsTheLiveLineBeneathPlainOnes) {
  Shown shown(kLive);
  shown.screen.live({{"boot 1 s"}});
  shown.screen.line("PASS case");
  shown.screen.clear_live();
  EXPECT_EQ(shown.text,
            "\r\x1b[2Kboot 1 s"
            "\r\x1b[2KPASS case\nboot 1 s"
            "\r\x1b[2K");
}

TEST(Screen, WipesItsLiveLineAtItsEnd) {
  std::string text;
  {
    Screen screen(kLive, [&](std::string_view piece) { text += piece; }, [] { return 40; });
    screen.live({{"boot"}});
  }
  EXPECT_TRUE(text.ends_with("\r\x1b[2K"));
}

TEST(Screen, DrawsNothingWhenNothingChanged) {
  Shown shown(kLive);
  shown.screen.live({{"boot"}});
  const std::string once = shown.text;
  shown.screen.live({{"boot"}});
  EXPECT_EQ(shown.text, once);
}

TEST(Screen, CutsTheLiveLineToItsWidth) {
  Shown shown(kLive, 10);
  shown.screen.live({{"éééééé"}, {"ffffffffff"}, {"never"}});
  EXPECT_EQ(shown.text,
            "\r\x1b[2Kéééééé"
            "ff…");
}

TEST(Screen, LetsNothingFromOutsideControlTheTerminal) {
  Shown shown(kPlainFile);
  shown.screen.line(
      "a\x1b[2Jb\nFAIL forged\r\xc2\x9b"
      "31m\x07\xff");
  EXPECT_EQ(shown.text, "a\\x1b[2Jb FAIL forged\\x0d\\xc2\\x9b31m\\x07\\xff\n");
}

TEST(CutTo, CountsCharactersNotBytes) {
  EXPECT_EQ(cut_to("äöü", 3), "äöü");
  EXPECT_EQ(cut_to("äöüß", 3), "äö…");
  EXPECT_EQ(cut_to("ab", 0), "");
  EXPECT_EQ(columns("äöü"), 3U);
}

/// An environment variable with another value until the end of the scope.
class WithVariable {
 public:
  WithVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  WithVariable(const WithVariable&) = delete;
  WithVariable& operator=(const WithVariable&) = delete;
  ~WithVariable() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class OnTerminal : public testing::Test {
 protected:
  void SetUp() override {
    winsize size = {};
    size.ws_col = 123;
    int outer = -1;
    int inner = -1;
    ASSERT_EQ(::openpty(&outer, &inner, nullptr, nullptr, &size), 0);
    outer_ = Fd(outer);
    inner_ = Fd(inner);
  }
  WithVariable term_{"TERM", "xterm"};
  WithVariable ci_{"CI", nullptr};
  WithVariable no_color_{"NO_COLOR", nullptr};
  Fd outer_;
  Fd inner_;
};

TEST_F(OnTerminal, IsLiveAndColoured) {
  EXPECT_TRUE(traits_of(inner_.get()).live);
  EXPECT_TRUE(traits_of(inner_.get()).colour);
  EXPECT_EQ(Screen(inner_.get()).width(), 123);
}

TEST_F(OnTerminal, HonoursNoColor) {
  const WithVariable no_color("NO_COLOR", "1");
  EXPECT_TRUE(traits_of(inner_.get()).live);
  EXPECT_FALSE(traits_of(inner_.get()).colour);
}

TEST_F(OnTerminal, IsPlainInCiAndOnDumbTerminals) {
  {
    const WithVariable ci("CI", "true");
    EXPECT_FALSE(traits_of(inner_.get()).live);
    EXPECT_FALSE(traits_of(inner_.get()).colour);
  }
  const WithVariable term("TERM", "dumb");
  EXPECT_FALSE(traits_of(inner_.get()).live);
}

TEST_F(OnTerminal, IsPlainWhenItIsAFile) {
  const Fd file(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(traits_of(file.get()).live);
  EXPECT_EQ(Screen(file.get()).width(), 0);
}

TEST_F(OnTerminal, WritesToItsDescriptor) {
  Screen(inner_.get()).line("hello");
  std::string text(100, '\0');
  text.resize(static_cast<size_t>(::read(outer_.get(), text.data(), text.size())));
  EXPECT_THAT(text, HasSubstr("hello"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Screen, WipesAllItsLiveLines) {
  Shown shown(kLive);
  shown.screen.live(std::vector<Line>{{{"one"}}, {{"two"}}, {{"three"}}});
  shown.text.clear();
  shown.screen.line("PASS case");
  EXPECT_EQ(shown.text, "\r\x1b[2A\x1b[JPASS case\none\ntwo\nthree");
}

TEST(Screen, WipesWhatANarrowerWindowHasBroken) {
  int width = 40;
  std::string text;
  Screen screen(kLive, [&](std::string_view piece) { text += piece; }, [&] { return width; });
  screen.live({{std::string(30, 'x')}});
  width = 10;
  text.clear();
  screen.clear_live();
  EXPECT_EQ(text, "\r\x1b[2A\x1b[J");  // thirty columns are three rows now
}

TEST(Screen, HasRoomForHalfOfTheWindow) {
  const auto rows = [](int height) {
    const Screen screen(kLive, [](std::string_view) {}, [] { return 80; }, [height] { return height; });
    return screen.live_rows();
  };
  EXPECT_EQ(rows(10), 5U);
  EXPECT_EQ(rows(1), 1U);
  EXPECT_EQ(rows(200), 12U);
}

TEST(Screen, LeavesTheLinesOfATextAsTheyAre) {
  Shown shown(kPlainFile);
  shown.screen.text("{\n  \"a\": 1\n}\x1b[2J");
  EXPECT_EQ(shown.text, "{\n  \"a\": 1\n}\\x1b[2J\n");
}

}  // namespace
}  // namespace holdfast::reports
