"""The struggle app: will a student struggle with a learning objective?"""
