// A shared library that is not an engine library, for engine_loader_test.
extern "C" int model_other_library() { return 42; }
