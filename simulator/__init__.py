"""What a scenario will do, computed: the pattern simulator and the capacity planner."""
