// Which mails are in an mbox, and what do they say once decoded?
#include "harness/kernel/mailbox.h"

#include <fmt/format.h>
#include <strings.h>

#include <cctype>
#include <regex>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

/// "From <somebody> <weekday> <month> <day> <time> <year>": the line that begins a mail in an mbox (RFC 4155, appendix
/// A). The time is asked for, so that a sentence in a commit message that begins with "From " is not taken for one.
bool begins_mail(std::string_view line) {
  static const std::regex kFrom(R"(^From \S+.* \d{1,2}:\d{2}(:\d{2})?.* \d{4}\s*$)");
  return line.starts_with("From ") && std::regex_match(line.begin(), line.end(), kFrom);
}

/// The value of the first header `name`, with folded lines joined; empty when there is none.
std::string header(std::string_view head, std::string_view name) {
  std::string value;
  bool inside = false;
  for (std::string_view line : split(head, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (inside) {
      if (!line.starts_with(' ') && !line.starts_with('\t')) return value;
      value += fmt::format(" {}", trim(line));
    } else if (line.size() > name.size() && line[name.size()] == ':' &&
               ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
      value = std::string(trim(line.substr(name.size() + 1)));
      inside = true;
    }
  }
  return value;
}

/// "[PATCH v2 1/3] vfio: x" without what is in brackets.
std::string without_tags(std::string_view subject) {
  subject = trim(subject);
  while (subject.starts_with('[') && subject.find(']') != std::string_view::npos) {
    subject = trim(subject.substr(subject.find(']') + 1));
  }
  return std::string(subject.empty() ? "(no subject)" : subject);
}

Result<Mail> decode_by_git(std::string_view mail, const Deadline& deadline) {
  if (!find_program("git")) {
    return lab_error("tool", "a mail of the series is encoded, and git, which can decode it, is not installed")
        .because("apt-get install git");
  }
  const TempDir work = TRY(TempDir::create("holdfast-mail"));
  const Command command{.argv = {"git", "mailinfo", "--encoding=UTF-8", "message", "patch"}, .cwd = work.path()};
  const Output output = TRY(run(command, deadline.at_most(std::chrono::minutes(1)), mail));
  if (!output.status.success()) {
    return usage_error("a mail of the series cannot be read by git mailinfo").with("git mailinfo", output.err);
  }
  const std::string message = TRY(read_file(work.path() / "message"));
  const std::string patch = TRY(read_file(work.path() / "patch"));
  return Mail{.subject = without_tags(header(output.out, "Subject")), .body = message + "\n" + patch};
}

}  // namespace

bool is_mailbox(std::string_view text) {
  const std::string_view first = text.substr(0, text.find('\n'));
  if (begins_mail(trim(first))) return true;
  const size_t head_end = text.find("\n\n");
  const std::string_view head = text.substr(0, head_end == std::string_view::npos ? text.find("\r\n\r\n") : head_end);
  return !header(head, "From").empty() && !header(head, "Subject").empty();
}

std::vector<std::string_view> split_mailbox(std::string_view text) {
  std::vector<std::string_view> mails;
  size_t begin = 0;
  size_t at = 0;
  bool after_blank = true;
  while (at < text.size()) {
    const size_t newline = text.find('\n', at);
    const size_t next = newline == std::string_view::npos ? text.size() : newline + 1;
    const std::string_view line = trim(text.substr(at, next - at));
    if (after_blank && begins_mail(line)) {
      if (at > begin) mails.push_back(text.substr(begin, at - begin));
      begin = next;
    }
    after_blank = line.empty();
    at = next;
  }
  if (begin < text.size()) mails.push_back(text.substr(begin));
  return mails;
}

Result<Mail> decode_mail(std::string_view mail, const Deadline& deadline) {
  size_t head_end = mail.find("\n\n");
  size_t body = head_end == std::string_view::npos ? mail.size() : head_end + 2;
  if (const size_t crlf = mail.find("\r\n\r\n"); crlf < head_end) {
    head_end = crlf;
    body = crlf + 4;
  }
  const std::string_view head = mail.substr(0, head_end);
  std::string encoding = header(head, "Content-Transfer-Encoding");
  for (char& c : encoding) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string subject = header(head, "Subject");
  const bool multipart = header(head, "Content-Type").starts_with("multipart/");
  if (encoding == "quoted-printable" || encoding == "base64" || multipart || subject.find("=?") != std::string::npos) {
    return decode_by_git(fmt::format("{}", mail), deadline);
  }
  return Mail{.subject = without_tags(subject), .body = std::string(mail.substr(body))};
}

bool has_diff(std::string_view text) {
  bool old_file = false;
  for (const std::string_view line : split(text, '\n')) {
    if (old_file && line.starts_with("+++ ")) return true;
    old_file = line.starts_with("--- ");
    // A patch that only renames or changes modes has no file lines.
    if (line.starts_with("rename from ") || line.starts_with("new mode ") || line.starts_with("deleted file mode "))
      return true;
  }
  return false;
}

}  // namespace holdfast
