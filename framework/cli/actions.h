// actions: what the commands do. Each returns the exit code of the process.
#pragma once

#include "cli/arguments.h"

namespace pellucid {

int check_pipeline(const Arguments& arguments);
int describe_components(const Arguments& arguments);
int examine_plugins(const Arguments& arguments);
int draw_graph(const Arguments& arguments);
int import_weights(const Arguments& arguments);
int show_contents(const Arguments& arguments);
int list_plugins(const Arguments& arguments);
int make_plugin(const Arguments& arguments);
int replay_result(const Arguments& arguments);
int run_pipeline_file(const Arguments& arguments);
int print_schema(const Arguments& arguments);
int print_version(const Arguments& arguments);
int test_plugin(const Arguments& arguments);

}  // namespace pellucid
