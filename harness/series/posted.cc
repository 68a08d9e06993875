// Which patches does a series have, in which order, and is one of them missing?
//
// Steps for mails: take the mbox apart; let git decode each mail; drop replies and what is no patch; of several
// versions keep the newest; put the rest in the order of their numbers, with a gap where a number is missing.
#include "harness/series/posted.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/mailbox.h"
#include "harness/kernel/patch_series.h"

namespace holdfast::series {
namespace fs = std::filesystem;
namespace {

/// A mail with what git read out of it.
struct ReadMail {
  SubjectTags tags;
  PostedPatch patch;  ///< its number is that of the tags
  bool diff = false;
  std::string base_commit;
};

/// The value that the line "name: value" has, or empty.
std::string value_of(std::string_view text, std::string_view name) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with(name)) return std::string(trim(line.substr(name.size())));
  }
  return {};
}

/// Mails travel with CR LF, and git's own programs drop the CR before they look further.
std::string without_carriage_returns(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\r' || i + 1 == raw.size() || raw[i + 1] != '\n') text += raw[i];
  }
  return text;
}

Result<ReadMail> read_mail(std::string_view raw, const Deadline& deadline) {
  const TempDir work = TRY(TempDir::create("holdfast-mail"));
  const Command command{
      .argv = {"git", "mailinfo", "-k", "--encoding=UTF-8", "--no-scissors", "--quoted-cr=strip", "message", "patch"},
      .cwd = work.path()};
  const Output output = TRY(run(command, deadline.at_most(std::chrono::minutes(1)), without_carriage_returns(raw)));
  if (!output.status.success()) {
    return usage_error("a mail of the series cannot be read by git mailinfo").with("git mailinfo", output.err);
  }
  ReadMail mail;
  mail.tags = read_tags(value_of(output.out, "Subject: "));
  mail.patch = {.number = mail.tags.number,
                .subject = mail.tags.subject,
                .author = value_of(output.out, "Author: "),
                .email = value_of(output.out, "Email: "),
                .date = value_of(output.out, "Date: "),
                .message = TRY(read_file(work.path() / "message")),
                .diff = TRY(read_file(work.path() / "patch"))};
  mail.diff = has_diff(mail.patch.diff) || mail.patch.diff.find("\nGIT binary patch\n") != std::string::npos;
  if (!mail.diff) mail.patch.diff.clear();
  mail.base_commit = value_of(mail.patch.message, "base-commit: ");
  if (mail.base_commit.empty()) mail.base_commit = value_of(mail.patch.diff, "base-commit: ");
  return mail;
}

/// A bare diff as a mail, so that everything is applied in one way.
std::string as_mail(const Patch& patch) {
  if (is_mailbox(patch.text)) return patch.text;
  return fmt::format("From: holdfast <holdfast@localhost>\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nSubject: {}\n\n{}",
                     patch.name, patch.text);
}

Result<std::vector<ReadMail>> read_mails(const fs::path& path, const Deadline& deadline) {
  if (!find_program("git")) return lab_error("tool", "git is not installed").because("apt-get install git");
  std::error_code failed;
  std::vector<std::string> texts;
  if (fs::is_directory(path, failed)) {
    const PatchSeries series = TRY(read_series(path, deadline));
    for (const Patch& patch : series.patches) texts.push_back(as_mail(patch));
  } else {
    const std::string text = TRY(read_file(path));
    const Patch whole{.name = path.filename().string(), .text = text};
    texts.push_back(is_mailbox(text) || has_diff(text) ? as_mail(whole) : "");
  }
  std::vector<ReadMail> mails;
  for (const std::string& text : texts) {
    for (const std::string_view raw : split_mailbox(text)) {
      mails.push_back(TRY_IN(path.string(), read_mail(raw, deadline)));
    }
  }
  return mails;
}

/// Version and number of patches: mails with the same are one series.
using Edition = std::pair<int, int>;

std::string name_of(const Edition& edition) {
  return fmt::format("v{} with {} {}", edition.first, edition.second, edition.second == 1 ? "patch" : "patches");
}

/// The newest series among the mails; of two as new, the longer one. Notes what is left out.
Edition newest(const std::vector<ReadMail>& mails, PostedSeries& series) {
  std::map<Edition, size_t> editions;
  for (const ReadMail& mail : mails) {
    if (mail.tags.number > 0 && mail.diff) ++editions[{mail.tags.version, mail.tags.total}];
  }
  if (editions.empty()) return {};
  const Edition chosen = editions.rbegin()->first;
  for (const auto& [edition, count] : editions) {
    if (edition != chosen) series.notes.push_back(fmt::format("left out: {} of {}", count, name_of(edition)));
  }
  return chosen;
}

/// Takes mails that are not numbered in the order in which they stand.
void take_unnumbered(const std::vector<ReadMail>& mails, PostedSeries& series) {
  int newest_version = 0;
  for (const ReadMail& mail : mails) {
    if (mail.diff) newest_version = std::max(newest_version, mail.tags.version);
  }
  for (const ReadMail& mail : mails) {
    if (!mail.diff) continue;
    if (mail.tags.version != newest_version) {
      series.notes.push_back(fmt::format("left out: v{} of \"{}\"", mail.tags.version, mail.tags.subject));
      continue;
    }
    const int number = static_cast<int>(series.patches.size()) + 1;
    series.patches.push_back(mail.patch);
    series.patches.back().number = number;
  }
  if (newest_version > 1) series.version = fmt::format("v{}", newest_version);
}

void take_numbered(const std::vector<ReadMail>& mails, const Edition& edition, PostedSeries& series) {
  std::map<int, const ReadMail*> by_number;
  bool in_order = true;
  for (const ReadMail& mail : mails) {
    if (mail.tags.number < 0 && mail.diff) {
      series.notes.push_back(fmt::format("left out: \"{}\", which has no number", mail.tags.subject));
    }
    if (Edition{mail.tags.version, mail.tags.total} != edition) continue;
    if (mail.tags.number == 0) series.title = mail.tags.subject;
    if (mail.tags.number <= 0) continue;
    if (!by_number.empty() && mail.tags.number < by_number.rbegin()->first) in_order = false;
    if (!by_number.emplace(mail.tags.number, &mail).second) {
      series.notes.push_back(fmt::format("left out: a second mail with the number {}", mail.tags.number));
    }
  }
  if (!in_order) series.notes.emplace_back("the mails were not in the order of their numbers");
  const int last = std::max(edition.second, by_number.rbegin()->first);
  for (int number = 1; number <= last; ++number) {
    const auto there = by_number.find(number);
    if (there != by_number.end()) {
      series.patches.push_back(there->second->patch);
    } else {
      series.patches.push_back({.number = number, .subject = "(missing)"});
      series.notes.push_back(fmt::format("patch {}/{} is missing", number, edition.second));
    }
  }
  if (edition.first > 1) series.version = fmt::format("v{}", edition.first);
}

}  // namespace

SubjectTags read_tags(std::string_view subject) {
  static const std::regex kReply(R"(^(re|aw|sv|fwd?)\s*:.*)", std::regex::icase);
  static const std::regex kNumber(R"((?:^|[^\w.])(\d{1,4})/(\d{1,4})(?:$|[^\w]))");
  static const std::regex kVersion(R"((?:^|[^a-z]|patch)v(\d{1,3})(?:$|[^\w.]))", std::regex::icase);
  SubjectTags tags;
  std::string rest(trim(subject));
  tags.reply = std::regex_match(rest, kReply);
  while (rest.starts_with('[') && rest.find(']') != std::string::npos) {
    const std::string inside = rest.substr(1, rest.find(']') - 1);
    std::smatch match;
    if (std::regex_search(inside, match, kNumber)) {
      tags.number = std::stoi(match[1]);
      tags.total = std::stoi(match[2]);
    }
    if (std::regex_search(inside, match, kVersion)) tags.version = std::stoi(match[1]);
    rest = std::string(trim(std::string_view(rest).substr(rest.find(']') + 1)));
  }
  tags.subject = printable(rest.empty() ? "(no subject)" : rest);
  return tags;
}

Result<PostedSeries> read_posted(const fs::path& path, const Deadline& deadline) {
  std::error_code failed;
  if (!fs::exists(path, failed)) return usage_error(fmt::format("there is no file {}", path.string()));
  std::vector<ReadMail> mails = TRY(read_mails(path, deadline));
  std::erase_if(mails, [](const ReadMail& mail) { return mail.tags.reply; });
  PostedSeries series;
  for (const ReadMail& mail : mails) {
    if (series.base_commit.empty()) series.base_commit = mail.base_commit;
  }
  const Edition edition = newest(mails, series);
  if (edition == Edition{}) {
    take_unnumbered(mails, series);
  } else {
    take_numbered(mails, edition, series);
  }
  if (series.patches.empty()) {
    return usage_error(fmt::format("there is no patch in {}", path.string()))
        .because("give an mbox as `b4 am` or `git format-patch --stdout` write it, or a folder of patches");
  }
  if (series.title.empty()) series.title = series.patches.front().subject;
  return series;
}

Result<PostedSeries> commits_between(const WorkTree& tree, const std::string& from, const std::string& to,
                                     const Deadline& deadline) {
  const std::string range = fmt::format("{}..{}", from, to);
  const std::string log = TRY(ask_git(
      tree.dir(), {"log", "--reverse", "--topo-order", "--no-merges", "--format=%H%x1f%s", range, "--"}, deadline));
  const std::string merges = TRY(ask_git(tree.dir(), {"rev-list", "--count", "--merges", range, "--"}, deadline));
  PostedSeries series;
  for (const std::string_view line : split(trim(log), '\n')) {
    const auto fields = split(line, '\x1f');
    if (fields.size() < 2) continue;
    const int number = static_cast<int>(series.patches.size()) + 1;
    series.patches.push_back({.number = number, .subject = printable(fields[1]), .commit = std::string(fields[0])});
  }
  if (series.patches.empty()) return usage_error(fmt::format("there is no commit in {}", range));
  if (trim(merges) != "0") {
    series.notes.push_back(
        fmt::format("left out: {} merges; what they bring in is tried commit by commit", trim(merges)));
  }
  series.title = series.patches.back().subject;
  return series;
}

}  // namespace holdfast::series
