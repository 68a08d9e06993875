// Which patches does a series have, in which order, and is one of them missing?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/work_tree.h"

namespace holdfast::series {

/// One patch, from a mail or from a commit. A number of the series that nobody posted has neither.
struct PostedPatch {
  int number = 0;       ///< n of [PATCH n/m]
  std::string subject;  ///< without what is in brackets
  std::string author = {};
  std::string email = {};
  std::string date = {};
  std::string message = {};  ///< below the subject
  std::string diff = {};     ///< with whatever stands around it
  std::string commit = {};   ///< when it is one

  bool missing() const { return author.empty() && email.empty() && diff.empty() && commit.empty(); }
};

struct PostedSeries {
  std::string title;                 ///< the cover letter's subject, else the first patch's
  std::string version = {};          ///< "v2", or empty for a first one
  std::string base_commit = {};      ///< which the mails say they are for, or empty
  std::vector<PostedPatch> patches;  ///< by number, 1 and on, missing ones among them
  std::vector<std::string> notes;    ///< what was put in order or left out, a sentence each
};

/// What stands in the brackets of a mail's subject.
struct SubjectTags {
  bool reply = false;
  int version = 1;
  int number = -1;  ///< -1: not numbered
  int total = 0;
  std::string subject;  ///< the rest
};
SubjectTags read_tags(std::string_view subject);

/// Reads an mbox as `git format-patch --stdout`, `b4 am` or a mailing list's archive leave it, or a folder of patches.
/// Replies are left out, of several versions the newest is taken, and patches are put in the order of their numbers.
/// Errors: harness.usage when there is no patch; lab.tool without git.
Result<PostedSeries> read_posted(const std::filesystem::path& path, const Deadline& deadline);

/// The commits of "from..to", which are ids that the work tree knows; merges are left out, and it says so.
/// Errors: harness.usage when there is none.
Result<PostedSeries> commits_between(const WorkTree& tree, const std::string& from, const std::string& to,
                                     const Deadline& deadline);

}  // namespace holdfast::series
