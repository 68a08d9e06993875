// A series of patches in an mbox, as it came from a mailing list.
#include <algorithm>
#include <cstdlib>

#include "harness/base/deadline.h"
#include "harness/base/text.h"
#include "harness/kernel/mailbox.h"
#include "harness/kernel/patch_series.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

/// Without PATH there is no git, which would otherwise be started for each mail that says that it is encoded.
class NoPrograms {
 public:
  NoPrograms() { ::setenv("PATH", "/nonexistent", 1); }
  ~NoPrograms() { ::setenv("PATH", path_.c_str(), 1); }
  NoPrograms(const NoPrograms&) = delete;
  NoPrograms& operator=(const NoPrograms&) = delete;

 private:
  std::string path_ = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
};

void read(std::string_view bytes) {
  const NoPrograms none;
  static_cast<void>(is_mailbox(bytes));
  size_t total = 0;
  for (const std::string_view mail : split_mailbox(bytes)) {
    total += mail.size();
    const auto decoded = decode_mail(mail, Deadline::after(Millis(0)));
    if (!decoded || !has_diff(decoded->body)) continue;
    const auto lines = split(decoded->body, '\n');
    promise(touched_files(decoded->body).size() <= lines.size(), "a line names one file");
  }
  promise(total <= bytes.size(), "mails do not overlap");
}

std::vector<std::string> seeds(const std::filesystem::path& tree) {
  std::vector<std::string> mails = files_in(tree / "fixtures/kernel/series", ".patch");
  for (std::string& mail : mails) mail.resize(std::min<size_t>(mail.size(), 8192));
  std::string box;
  for (const std::string& mail : mails) box += "From 1234 Mon Sep 17 00:00:00 2001\n" + mail + "\n\n";
  mails.push_back(box);
  mails.emplace_back(
      "From x@y Thu Jan  1 00:00:00 2026\r\nFrom: A <a@b>\r\nSubject: [PATCH v2 1/3] =?UTF-8?q?vfio:_x?=\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: multipart/mixed\r\n\r\n=C3=A4\r\n");
  return mails;
}

}  // namespace

Target mailbox_target() { return {.name = "mailbox", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
