// What can this terminal show, and how does a status line live beneath plain ones?
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::reports {

enum class Style { kPlain, kGood, kBad, kOdd, kFaint, kStrong };

/// A piece of a line. Its text may come from anywhere: the screen makes it printable, and a newline in it a space, so
/// that no console of a machine under test can move the cursor or forge a line.
struct Span {
  std::string text;
  Style style = Style::kPlain;
};
using Line = std::vector<Span>;

/// What a screen is able to do.
struct ScreenTraits {
  bool live = false;    ///< a status line may be drawn and wiped out
  bool colour = false;  ///< styles are shown as colours
};

/// Lines of text on a file descriptor, and beneath them lines that come and go. Thread-safe. Errors in
/// writing are ignored: there is no place left to tell them.
class Screen {
 public:
  using Write = std::function<void(std::string_view)>;
  using Width = std::function<int()>;
  using Height = std::function<int()>;

  /// Live and coloured when `fd` is a terminal that can do it, CI is not set and, for colours, NO_COLOR is not.
  explicit Screen(int fd);
  /// For tests: any traits, any place to write to.
  Screen(ScreenTraits traits, Write write, Width width, Height height = [] { return 24; });
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  /// Wipes the live line.
  ~Screen();

  const ScreenTraits& traits() const { return traits_; }
  /// Columns now; follows a window that is resized. 0 when it is no terminal: lines may then be of any length.
  int width() const { return width_(); }

  void line(const Line& line);
  void line(std::string_view text) { line(Line{{std::string(text)}}); }
  /// Text of several lines that this program made up itself, as it stands: a file's content, JSON.
  void text(std::string_view text);
  /// Shows `lines`, each cut to the width, in place of the live ones before. At most as many as rows() says are seen
  /// on a small window. Nothing when the screen is not live.
  void live(const std::vector<Line>& lines);
  void live(const Line& line) { live(std::vector<Line>{line}); }
  /// How many live lines there is room for.
  size_t live_rows() const;
  void clear_live();

 private:
  std::string rendered(const Line& line, size_t columns) const;
  std::string wipe() const;

  ScreenTraits traits_;
  Write write_;
  Width width_;
  Height height_;
  std::mutex mutex_;
  std::string drawn_;                  ///< the live lines that stand there now
  std::vector<size_t> drawn_columns_;  ///< of each of them
};

/// How a screen on `fd` may behave, from the terminal and the environment.
ScreenTraits traits_of(int fd);

/// The number of code points in UTF-8 text: its columns, but for scripts whose characters are wide.
size_t columns(std::string_view text);
/// The first `limit` code points; when that cuts, the last of them is "…".
std::string cut_to(std::string_view text, size_t limit);

}  // namespace holdfast::reports
