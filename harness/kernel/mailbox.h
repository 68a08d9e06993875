// Which mails are in an mbox, and what do they say once decoded?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"

namespace holdfast {

/// Does the text begin with a "From " line or with mail headers?
bool is_mailbox(std::string_view text);

/// One piece per mail, each with its headers and without its "From " line.
std::vector<std::string_view> split_mailbox(std::string_view text);

struct Mail {
  std::string subject;  ///< without [PATCH ...], unfolded
  std::string body;     ///< decoded
};

/// Takes a mail apart. One in quoted-printable or base64 goes through `git mailinfo`.
/// Errors: lab.tool when git is needed and not there; harness.usage when git cannot read it.
Result<Mail> decode_mail(std::string_view mail, const Deadline& deadline);

/// Does the text hold a unified diff (and not only a quoted one)?
bool has_diff(std::string_view text);

}  // namespace holdfast
