"""Rating studies: people's opinion of pictures, collected exactly and analysed with the right unit."""
