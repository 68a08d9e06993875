// Who is told what came of a night, and what of the nights before it goes?
#pragma once

#include <filesystem>

#include "harness/program/program.h"
#include "lab/nightly/night_plan.h"
#include "reports/nightly/news.h"
#include "reports/nightly/night.h"

namespace holdfast {

/// Compares the night in `dir` with those before it below `out`, leaves news.txt, prints it unless `quiet`, renews the
/// site, sends mail, runs the plan's commands, and removes the nights that need not stay. False when something of that
/// did not work; what, is printed.
bool tell_of_night(Program& program, const lab::NightPlan& plan, const std::filesystem::path& out,
                   const std::filesystem::path& dir, bool quiet);

}  // namespace holdfast
