// How does a text become a mail, and reach those who want it?
#include "reports/nightly/mail.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::reports {
namespace {

/// RFC 5322, 2.1.1: without its end.
constexpr size_t kLongestLine = 998;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// RFC 2045, 6.7: soft line breaks keep each line within 76 columns.
std::string quoted_printable(std::string_view text) {
  constexpr size_t kColumns = 76;
  std::string encoded;
  for (const std::string_view line : split(text, '\n')) {
    size_t column = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      const auto c = static_cast<unsigned char>(line[i]);
      const bool last_blank = i + 1 == line.size() && (c == ' ' || c == '\t');
      const bool plain = ((c >= 33 && c <= 126 && c != '=') || c == ' ' || c == '\t') && !last_blank;
      const std::string piece = plain ? std::string(1, line[i]) : fmt::format("={:02X}", c);
      if (column + piece.size() > kColumns - 1) {
        encoded += "=\n";
        column = 0;
      }
      encoded += piece;
      column += piece.size();
    }
    encoded += '\n';
  }
  encoded.pop_back();  // split() gives one piece more than there are newlines
  return encoded;
}

/// RFC 2047: words of at most 75 characters, none of which ends within a character.
std::string encoded_words(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words += fmt::format("{}=?utf-8?Q?{}?=", words.empty() ? "" : "\n ", word);
    word.clear();
  };
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (begins && word.size() > kMost) end_word();
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    word += plain ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c));
  }
  end_word();
  return words;
}

/// A header's value: one line.
std::string header(std::string_view text) {
  std::string line = printable(text);
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  constexpr size_t kMost = 600;
  if (is_ascii(line) && line.size() < kMost) return line;
  return encoded_words(line);
}

/// "Sat, 17 May 2031 09:30:00 +0000", whatever language the program's user speaks.
std::string mail_date(WallClock::time_point when) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm at = fmt::gmtime(WallClock::to_time_t(when));
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[at.tm_wday], at.tm_mday, kMonths[at.tm_mon],
                     at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
}

Result<void> feed(const std::string& kind, Command command, std::string_view text, const Deadline& deadline) {
  const std::string what = shell_quote(command.argv);
  const auto said = run(std::move(command), deadline, text);
  if (!said) {
    if (said.error().kind == "stopped") return said.error();
    return lab_error(kind, fmt::format("{}: {}", what, said.error().what));
  }
  if (said->status.success()) return {};
  const std::string last(trim(last_lines(trim(said->err), 1)));
  return lab_error(kind, join_words({fmt::format("{}: {}", what, said->status.describe()), printable(last)}))
      .with("output", said->out + said->err);
}

}  // namespace

std::string mail_message(const Mail& mail) {
  const std::string text = printable(mail.text);
  const bool long_lines =
      std::ranges::any_of(split(text, '\n'), [](std::string_view line) { return line.size() > kLongestLine; });
  std::string message;
  if (!mail.from.empty()) message += fmt::format("From: {}\n", header(mail.from));
  message += fmt::format("To: {}\nSubject: {}\nDate: {}\nMessage-ID: <{}>\n", header(join(mail.to, ", ")),
                         header(mail.subject), mail_date(mail.date), header(mail.id));
  message += "Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n";
  const bool encode = long_lines || !is_ascii(text);
  message += fmt::format("Content-Transfer-Encoding: {}\n\n", encode ? "quoted-printable" : "7bit");
  return message + (encode ? quoted_printable(text) : text);
}

Result<void> send_mail(const std::vector<std::string>& argv, const Mail& mail, const Deadline& deadline) {
  return feed("mail", {.argv = argv}, mail_message(mail), deadline);
}

Result<void> tell_command(const std::vector<std::string>& argv, std::string_view text,
                          const std::map<std::string, std::string>& environment, const Deadline& deadline) {
  return feed("command", {.argv = argv, .env = environment}, text, deadline);
}

}  // namespace holdfast::reports
